/**
 * The client of the coordinator's API, made from the same declarations as the server: what an operation asks for and
 * answers is checked where it is called. How a request travels is handed in (a pinned TLS socket for the command
 * line, `fetch` in a page), so this file needs neither.
 */
import type { Operation } from '@starling/shared/admin-api/operation.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { z } from 'zod'

/** One request and its answer, whatever its status. Shaped like `fetch`, as far as we need it. */
export type Transport = (
  path: string,
  init: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: string | null
    readonly signal?: AbortSignal | undefined
  }
) => Promise<{ readonly status: number; readonly text: string }>

/** A part without any field may be left out. */
type Part<Name extends string, Shape extends z.ZodType> =
  Record<never, never> extends z.input<Shape>
    ? { readonly [Key in Name]?: z.input<Shape> }
    : { readonly [Key in Name]: z.input<Shape> }

type Asking<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType> = Part<
  'params',
  Params
> &
  Part<'query', Query> &
  Part<'body', Body>

export interface Client {
  /** @throws StarlingError what the coordinator says, or `bad-answer` */
  ask<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType, Answer extends z.ZodType>(
    operation: Operation<Params, Query, Body, Answer>,
    asking: Asking<Params, Query, Body>,
    /** When the answer is not wanted any more. */
    signal?: AbortSignal
  ): Promise<z.output<Answer>>
}

export function createClient(transport: Transport): Client {
  return {
    async ask({ method, path, answer }, asking, signal) {
      const { params, query, body } = asking as { readonly [part: string]: object | undefined }
      const { status, text } = await transport(pathOf(path, params, query), {
        method,
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' })
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal
      })
      const parsed = status < 400 ? answer.safeParse(jsonOf(text)) : null
      if (parsed?.success === true) return parsed.data
      const mismatch = `the coordinator's answer (${status}) is not understood: is it of the same version?`
      throw refusalIn(jsonOf(text)) ?? new StarlingError('bad-answer', mismatch, { cause: parsed?.error })
    }
  }
}

/** What the coordinator says when it does not do something; without zod, for the page's sake. */
function refusalIn(body: unknown): StarlingError | null {
  if (typeof body !== 'object' || body === null || !('code' in body) || !('message' in body)) return null
  const { code, message } = body
  return typeof code === 'string' && typeof message === 'string' ? new StarlingError(code, message) : null
}

function pathOf(path: string, params: object = {}, query: object = {}): string {
  const given: Readonly<Record<string, unknown>> = { ...params }
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(given[name])))
  const search = new URLSearchParams(
    Object.entries(query)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]): [string, string] => [name, String(value)])
  )
  return search.size === 0 ? filled : `${filled}?${search.toString()}`
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
