/** A coordinator in this process with a clock that is moved by hand, and somebody who asks it over real HTTPS. */
import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsIdentity } from '@starling/agent/identity/certificate.ts'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import { readAdminToken } from '@starling/coordinator/admin-files.ts'
import { createConfig } from '@starling/coordinator/config.ts'
import { createCoordinator, type Coordinator } from '@starling/coordinator/coordinator.ts'
import { createLog } from '@starling/coordinator/log.ts'

type Headers = Readonly<Record<string, string>>

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly code: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface ControlPlane {
  readonly coordinator: Coordinator
  readonly folder: string
  /** Milliseconds that have passed since the start. */
  now: number
  /** @param asked a body of bytes goes as it is, any other as JSON */
  ask(
    method: string,
    path: string,
    asked?: { headers?: Headers; body?: object; tls?: TlsIdentity | null }
  ): Promise<Answer>
  /** As the administrator of the machine. @throws when it is refused */
  asLocal<Result>(
    operation: { readonly method: string; readonly answer: { parse(value: unknown): Result } },
    path: string,
    body?: object
  ): Promise<Result>
  stop(): Promise<void>
}

export const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })

export async function startControlPlane(): Promise<ControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-control-'))
  const began = Date.now()
  const world: { now: number } = { now: 0 }
  const coordinator = await createCoordinator(
    createConfig({ data: folder, listen: '127.0.0.1:0', gateway: false }),
    { log: createLog('silent'), clock: () => began + world.now }
  )
  const ask: ControlPlane['ask'] = async (method, path, { headers = {}, body, tls = null } = {}) => {
    const socket = await dialAgent({ ...coordinator.listening, expected: coordinator.id, tls })
    const text = body === undefined ? '' : body instanceof Uint8Array ? body : JSON.stringify(body)
    try {
      return await new Promise((resolve, reject) => {
        httpsRequest(
          {
            method,
            path,
            createConnection: () => socket,
            headers: {
              host: hostOf(coordinator),
              connection: 'close',
              ...(body === undefined
                ? {}
                : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
              ...headers
            }
          },
          response => {
            const parts: Buffer[] = []
            response.on('data', (part: Buffer) => parts.push(part))
            response.on('end', () => {
              const whole = Buffer.concat(parts).toString('utf8')
              const parsed = (whole.startsWith('{') ? JSON.parse(whole) : {}) as Record<string, unknown>
              const code = typeof parsed.code === 'string' ? parsed.code : ''
              resolve({ status: response.statusCode ?? 0, headers: response.headers, code, body: parsed })
            })
          }
        )
          .on('error', reject)
          .end(text)
      })
    } finally {
      socket.destroy()
    }
  }
  return {
    coordinator,
    folder,
    ask,
    get now() {
      return world.now
    },
    set now(value) {
      world.now = value
    },
    async asLocal(operation, path, body) {
      const headers = bearer(await readAdminToken(folder))
      const answer = await ask(operation.method, path, { headers, ...(body === undefined ? {} : { body }) })
      if (answer.status !== 200)
        throw new Error(`${operation.method} ${path}: ${JSON.stringify(answer.body)}`)
      return operation.answer.parse(answer.body)
    },
    async stop() {
      await coordinator.stop()
      await rm(folder, { recursive: true, force: true })
    }
  }
}

export function hostOf({ listening }: Coordinator): string {
  return `${listening.host}:${listening.port}`
}
