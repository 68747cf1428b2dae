/**
 * What the running agent says of where it serves. Settings of the whole machine are made of it, so an answer is taken only in the shape
 * of this version, and only with an address of this machine.
 */
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'
import { z } from 'zod'
import type { ServingAgent } from '../ports.ts'

export const servingPath = '/api/v1/serving'

const port = z.int().min(1).max(65_535)
const shape: z.ZodType<ServingAgent> = z.object({
  host: z.string().refine(isOfThisMachine, 'no address of this machine'),
  port,
  cacheHost: z.object({ enabled: z.boolean(), host: z.string(), port }),
  wsus: z.string().nullable(),
  goMirrors: z.array(z.object({ name: z.string().regex(/^[a-z0-9._-]+$/i), private: z.array(z.string()) })),
  upstreamProxies: z.array(z.string())
})

/** @throws StarlingError `agent-differs`, and what asking throws */
export async function askServing(ask: () => Promise<unknown>): Promise<ServingAgent> {
  const answer = await ask().catch((error: unknown) => {
    throw codeOf(error) === 'not-found' ? differs('it does not know this question', error) : error
  })
  const read = shape.safeParse(answer)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw differs(`${issue?.path.join('.') || 'its answer'}: ${issue?.message ?? ''}`, read.error)
}

function differs(why: string, cause: unknown): StarlingError {
  return new StarlingError(
    'agent-differs',
    `the agent that runs does not say where it serves as this version of starling expects it (${why}): ` +
      'it may be of another version, so restart its service and try again',
    { cause }
  )
}

function isOfThisMachine(host: string): boolean {
  if (isIP(host) === 0) return host === 'localhost'
  if (host === '::1' || host.startsWith('127.')) return true
  return Object.values(networkInterfaces()).some(addresses =>
    addresses?.some(({ address }) => address === host)
  )
}
