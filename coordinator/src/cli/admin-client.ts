/**
 * The command line's way to the coordinator of this machine. It knows it by its key: the AgentId in `running.json`
 * must be the key that answers, so that the token goes to nobody else.
 */
import { request as httpsRequest } from 'node:https'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { readAdminToken, readRunningFile } from '../admin-files.ts'
import { createClient, type Client, type Transport } from '../client.ts'

const answerBytesMax = 64 * 1024 * 1024

/** @throws StarlingError `not-running`, `not-allowed`, `secret-file-unreadable` and whatever the coordinator says */
export async function createAdminClient(dataFolder: string): Promise<Client> {
  const running = await readRunningFile(dataFolder)
  const token = await readAdminToken(dataFolder)
  const host = running.host === '0.0.0.0' ? '127.0.0.1' : running.host === '::' ? '::1' : running.host

  const transport: Transport = async (path, { method, headers, body }) => {
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
        const request = httpsRequest(
          {
            method,
            path,
            host,
            port: running.port,
            createConnection: () => socket,
            headers: {
              ...headers,
              authorization: `Bearer ${token}`,
              connection: 'close',
              ...(body === null ? {} : { 'content-length': Buffer.byteLength(body) })
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
              resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') })
            })
          }
        )
        request.on('error', reject)
        request.end(body ?? '')
      })
    } finally {
      socket.destroy()
    }
  }
  return createClient(transport)
}
