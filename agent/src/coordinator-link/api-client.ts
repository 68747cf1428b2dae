/**
 * One request to whichever coordinator answers. Each is dialled by its AgentId (`dial` hands over no socket of
 * anybody else), and one connection to each is kept, so that a heartbeat costs no handshake.
 */
import { Agent, request as httpsRequest } from 'node:https'
import {
  agentContentType,
  apiErrorShape,
  compressFromBytes,
  decodeBody,
  encodeBody,
  responseBytesMax,
  type CoordinatorAddress
} from '@starling/shared/coordinator-api.ts'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { TLSSocket } from 'node:tls'
import { gzipSync } from 'node:zlib'
import type { z } from 'zod'

/** A busy coordinator answers in milliseconds; one that needs longer is as good as away. */
const usualAnswerMsMax: Millis = 15 * secondMs

export type Dial = (to: {
  readonly host: string
  readonly port: number
  readonly expected: AgentId
}) => Promise<TLSSocket>

export interface ApiClient {
  /**
   * Tries the addresses in order until one answers; that one is tried first the next time. A coordinator that cannot serve
   * now (503) is passed over for the next. An answer without a body (204) is null to the shape.
   * @throws StarlingError `coordinator-unreachable`, or the code with which the coordinator refused
   */
  ask<Answer>(
    coordinators: readonly CoordinatorAddress[],
    path: string,
    body: Parameters<typeof encodeBody>[0],
    shape: z.ZodType<Answer>,
    /** Whether the coordinator is known to take gzip. */
    compress?: boolean
  ): Promise<Answer>
  /** Gives up what is under way. */
  close(): void
}

export function createApiClient(dial: Dial, answerMsMax = usualAnswerMsMax): ApiClient {
  const agents = new Map<string, Agent>()
  const stopped = new AbortController()
  let preferred: string | null = null

  function agentFor(id: AgentId, url: URL): Agent {
    const name = `${id} ${url.host}`
    let agent = agents.get(name)
    if (agent !== undefined) return agent
    agent = new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 })
    agent.createConnection = (_options, callback) => {
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
      dial({ host, port: Number(url.port), expected: id }).then(
        socket => callback?.(null, socket),
        (error: Error) => callback?.(error, undefined as never)
      )
      return undefined
    }
    agents.set(name, agent)
    return agent
  }

  async function askOne(
    id: AgentId,
    address: string,
    path: string,
    body: Uint8Array,
    isGzip: boolean
  ): Promise<{ status: number; bytes: Buffer }> {
    const url = new URL(path, address)
    return await new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          agent: agentFor(id, url),
          method: 'POST',
          host: url.hostname,
          port: url.port,
          path: url.pathname,
          signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(answerMsMax)]),
          headers: {
            'content-type': agentContentType,
            'content-length': body.length,
            ...(isGzip ? { 'content-encoding': 'gzip' } : {})
          }
        },
        response => {
          const parts: Buffer[] = []
          let bytes = 0
          response.on('error', reject)
          response.on('data', (part: Buffer) => {
            parts.push(part)
            bytes += part.length
            if (bytes > responseBytesMax)
              response.destroy(new Error(`an answer of more than ${responseBytesMax} bytes`))
          })
          response.on('end', () => {
            resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(parts) })
          })
        }
      )
      request.on('error', reject)
      request.end(body)
    })
  }

  return {
    async ask(coordinators, path, body, shape, compress = false) {
      const plain = encodeBody(body)
      const isGzip = compress && plain.length >= compressFromBytes
      const encoded = isGzip ? gzipSync(plain) : plain
      const problems: string[] = []
      const roads = coordinators.flatMap(({ id, addresses }) => addresses.map(address => ({ id, address })))
      roads.sort((one, other) => Number(nameOf(other) === preferred) - Number(nameOf(one) === preferred))
      const unable = new Map<AgentId, StarlingError>()
      for (const { id, address } of roads) {
        if (unable.has(id)) continue
        let answer
        try {
          answer = await askOne(id, address, path, encoded, isGzip)
        } catch (error) {
          if (stopped.signal.aborted)
            throw new StarlingError('aborted', 'the coordinator link was stopped', { cause: error })
          problems.push(messageOf(error))
          continue
        }
        if (answer.status === 503) {
          unable.set(id, refusal(answer.status, answer.bytes))
          continue
        }
        preferred = nameOf({ id, address })
        if (answer.status === 200) return decodeBody(shape, answer.bytes)
        if (answer.status === 204) return shape.parse(null)
        throw refusal(answer.status, answer.bytes)
      }
      const [first] = unable.values()
      if (first !== undefined) throw first
      throw new StarlingError(
        'coordinator-unreachable',
        `no coordinator can be reached: ${problems.join('; ') || 'no address is known'}`
      )
    },
    close() {
      stopped.abort()
      for (const agent of agents.values()) agent.destroy()
    }
  }
}

/** Behind one address there may be several coordinators. */
const nameOf = ({ id, address }: { readonly id: AgentId; readonly address: string }): string =>
  `${id} ${address}`

function refusal(status: number, bytes: Uint8Array): StarlingError {
  try {
    const { code, message } = decodeBody(apiErrorShape, bytes)
    return new StarlingError(code, message)
  } catch (cause) {
    return new StarlingError('bad-answer', `the coordinator answered ${status} with something unreadable`, {
      cause
    })
  }
}
