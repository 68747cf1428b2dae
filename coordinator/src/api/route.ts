/**
 * The only way to add a route for people and their programs: from its declaration (shared/src/admin-api) and a
 * handler. What comes in is parsed by the declaration, what goes out too, so that a field that nobody declared
 * leaves no coordinator; and the route is in the OpenAPI document, which test and client rely on.
 */
import { assert, codeOf, StarlingError } from '@starling/shared/errors.ts'
import type { Given, Operation, Said } from '@starling/shared/admin-api/operation.ts'
import type { Actor } from '@starling/shared/admin-api/service.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { byActor, byStranger } from '../by.ts'
import type { AuditLog, By } from '../ports.ts'
import { otherSite } from './access.ts'
import type { Refusals } from './refusals.ts'

export interface Asked<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType
> extends Said<Params, Query, Body> {
  /** Who asks. @throws for an open operation, where nobody is known */
  readonly actor: Actor
  /** The same with address and action: hand it to what makes the change, so that both are one transaction. */
  readonly by: By
  readonly request: FastifyRequest
  /** For headers; the body is what the handler returns. */
  readonly reply: FastifyReply
}

export type AddRoute = <
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Answer extends z.ZodType
>(
  operation: Operation<Params, Query, Body, Answer>,
  handler: (asked: Asked<Params, Query, Body>) => Promise<Given<z.input<Answer>>>
) => void

export interface Router {
  readonly route: AddRoute
  /** All that were added. */
  readonly operations: readonly Operation[]
}

/**
 * A change is in the audit log before it is answered: by its handler, in the transaction of the change, or else here. What
 * fails is written down, too. Open operations see to their entries themselves: they know who somebody claims to be.
 */
export function createRouter(
  server: FastifyInstance,
  audit: Pick<AuditLog, 'write' | 'wrote'>,
  refusals: Refusals
): Router {
  const operations: Operation[] = []

  async function audited<Answer>(by: By, target: string, work: () => Promise<Answer>): Promise<Answer> {
    let answer
    try {
      answer = await work()
    } catch (error) {
      await refusals.note({ by, target, outcome: codeOf(error) })
      throw error
    }
    if (!audit.wrote(by)) await audit.write({ by, target })
    return answer
  }

  const route: AddRoute = (operation, handler) => {
    const { method, path, access, localOnly, siteOf, isTrial, action } = operation
    operations.push(operation as unknown as Operation)
    server.route({
      method,
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      config: { access, localOnly, sited: siteOf !== null },
      handler: async (request, reply) => {
        const said = {
          params: parse('path', operation.params, request.params),
          query: parse('query', operation.query, request.query),
          body: parse('body', operation.body, request.body ?? {})
        }
        const { actor } = request
        if (actor !== null && actor.site !== null && siteOf?.(said) !== actor.site) {
          const refused = otherSite(actor.site)
          await refusals.note({
            by: byActor(actor, `${method} ${path}`, request.ip),
            target: siteOf?.(said) ?? '',
            outcome: refused.code
          })
          throw refused
        }
        const by =
          actor === null ? byStranger(action ?? '', request.ip) : byActor(actor, action ?? '', request.ip)
        const asked = {
          ...said,
          get actor() {
            assert(actor, 'an open operation knows no actor')
            return actor
          },
          by,
          request,
          reply
        }
        const answer = await (action === null || actor === null || isTrial?.(said) === true
          ? handler(asked)
          : audited(by, targetOf(said.params), () => handler(asked)))
        return reply.type('application/json').send(JSON.stringify(operation.answer.parse(answer)))
      }
    })
  }
  return { route, operations }
}

function targetOf(params: unknown): string {
  return Object.values(params as Readonly<Record<string, unknown>>).join(' ')
}

function parse<Shape extends z.ZodType>(where: string, shape: Shape, value: unknown): z.output<Shape> {
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  const first = parsed.error.issues[0]
  const at = [where, ...(first?.path ?? [])].join('.')
  throw new StarlingError('bad-body', `the request is malformed at ${at}: ${first?.message ?? ''}`)
}
