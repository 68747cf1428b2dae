/**
 * One thing that people and their programs may ask of a coordinator, said once: the server is built from it
 * (coordinator/src/api/route.ts), so are the client and the OpenAPI document, and so the test that walks all doors.
 *
 * It is data without a handler, so that pages can import it. What is not declared here does not exist.
 */
import { z } from 'zod'
import { accountRoles, type AccountRole } from './roles.ts'
import type { SiteId } from '../ids.ts'

export const accountRoleShape = z.enum(accountRoles)

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** What a request said, each part parsed. */
export interface Said<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType
> {
  readonly params: z.output<Params>
  readonly query: z.output<Query>
  readonly body: z.output<Body>
}

export interface Operation<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType
> {
  readonly method: Method
  /** As OpenAPI writes it: `/api/v1/accounts/{name}`. */
  readonly path: `/api/v1/${string}`
  /** `open`: anybody who reaches the port. Think twice. */
  readonly access: 'open' | AccountRole
  /** One sentence, for the OpenAPI document. */
  readonly summary: string
  /** What the audit log calls it (`ticket.create`); null for what only reads. */
  readonly action: string | null
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly answer: Answer
  /** For the administrator of the coordinator's machine alone, whatever role others have. */
  readonly localOnly: boolean
  /**
   * Which site a request is about. A token for one site may ask for nothing but what is about that site, so it
   * is kept from every operation that leaves this out (null), and from requests that name no site.
   */
  readonly siteOf: ((said: Said<Params, Query, Body>) => SiteId | undefined) | null
  /** Whether a request only asks what would be: then nothing was done that belongs into the audit log. */
  readonly isTrial: ((said: Said<Params, Query, Body>) => boolean) | null
}

const nothing = z.strictObject({})
type Nothing = typeof nothing

type Reads = { readonly method: 'GET'; readonly action?: never }
type Changes = { readonly method: 'POST' | 'PATCH' | 'DELETE'; readonly action: string }

/** Parts that are left out are empty, and a request that fills them is refused. */
export function operation<
  Answer extends z.ZodType,
  Params extends z.ZodType = Nothing,
  Query extends z.ZodType = Nothing,
  Body extends z.ZodType = Nothing
>(
  parts: Pick<Operation<Params, Query, Body, Answer>, 'path' | 'access' | 'summary' | 'answer'> &
    (Reads | Changes) & {
      readonly params?: Params
      readonly query?: Query
      readonly body?: Body
      readonly localOnly?: boolean
      readonly siteOf?: (said: Said<Params, Query, Body>) => SiteId | undefined
      readonly isTrial?: (said: Said<Params, Query, Body>) => boolean
    }
): Operation<Params, Query, Body, Answer> {
  return {
    method: parts.method,
    path: parts.path,
    access: parts.access,
    summary: parts.summary,
    action: parts.action ?? null,
    params: parts.params ?? (nothing as unknown as Params),
    query: parts.query ?? (nothing as unknown as Query),
    body: parts.body ?? (nothing as unknown as Body),
    answer: parts.answer,
    localOnly: parts.localOnly ?? false,
    siteOf: parts.siteOf ?? null,
    isTrial: parts.isTrial ?? null
  }
}

/** What code that answers may hand over: nothing of it is changed by us. A branded string is no object. */
export type Given<Value> = Value extends string
  ? Value
  : Value extends ReadonlyArray<infer Item>
    ? ReadonlyArray<Given<Item>>
    : Value extends object
      ? { readonly [Name in keyof Value]: Given<Value[Name]> }
      : Value

/** What a handler of the operation answers. */
export type Answered<One extends { readonly answer: z.ZodType }> = Given<z.input<One['answer']>>
