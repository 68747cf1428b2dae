/**
 * The command line's side of the admin routes. It talks to the coordinator of this machine only, and knows it by
 * its key: the AgentId in `running.json` must be the key that answers, so that the token goes to nobody else.
 */
import { request as httpsRequest } from 'node:https'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import { apiErrorShape } from '@starling/shared/coordinator-api.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { readAdminToken, readRunningFile } from '../admin-files.ts'

const answerBytesMax = 64 * 1024 * 1024

export interface AdminClient {
  get(path: string): Promise<unknown>
  post(path: string, body: object): Promise<unknown>
}

/** @throws StarlingError `not-running`, `not-allowed`, `secret-file-unreadable` and whatever the coordinator says */
export async function createAdminClient(dataFolder: string): Promise<AdminClient> {
  const running = await readRunningFile(dataFolder)
  const token = await readAdminToken(dataFolder)
  const host = running.host === '0.0.0.0' ? '127.0.0.1' : running.host === '::' ? '::1' : running.host

  async function ask(method: 'GET' | 'POST', path: string, body: object | null): Promise<unknown> {
    const socket = await dialAgent({
      host,
      port: running.port,
      expected: running.coordinator,
      tls: null
    }).catch((cause: unknown) => {
      throw new StarlingError(
        'not-running',
        `the coordinator that wrote ${dataFolder}/running.json does not answer: start it with "starling-coordinator run"`,
        { cause }
      )
    })
    try {
      return await new Promise((resolve, reject) => {
        const text = body === null ? '' : JSON.stringify(body)
        const request = httpsRequest(
          {
            method,
            path,
            host,
            port: running.port,
            createConnection: () => socket,
            headers: {
              authorization: `Bearer ${token}`,
              connection: 'close',
              accept: 'application/json',
              ...(body === null
                ? {}
                : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
            }
          },
          response => {
            const parts: Buffer[] = []
            let bytes = 0
            response.on('data', (part: Buffer) => {
              bytes += part.length
              if (bytes > answerBytesMax) response.destroy(new Error('the answer is too long'))
              parts.push(part)
            })
            response.on('error', reject)
            response.on('end', () => {
              try {
                resolve(answerOf(response.statusCode ?? 0, Buffer.concat(parts).toString('utf8')))
              } catch (error) {
                reject(error as Error)
              }
            })
          }
        )
        request.on('error', reject)
        request.end(text)
      })
    } finally {
      socket.destroy()
    }
  }

  return { get: path => ask('GET', path, null), post: (path, body) => ask('POST', path, body) }
}

function answerOf(status: number, text: string): unknown {
  const body: unknown = JSON.parse(text)
  if (status < 400) return body
  const parsed = apiErrorShape.safeParse(body)
  throw parsed.success
    ? new StarlingError(parsed.data.code, parsed.data.message)
    : new StarlingError('bad-answer', `the coordinator answered ${status}`)
}
