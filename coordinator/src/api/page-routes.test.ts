/** The stream of an open page, towards readers that do not read and readers that have gone. */
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { MiB, secondMs } from '@starling/shared/units.ts'
import { fastify, type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { AuditLog } from '../ports.ts'
import { addPageRoutes, pageEventsPath } from './page-routes.ts'

type AuditEntry = Awaited<ReturnType<AuditLog['page']>>[number]

let server: FastifyInstance
let sockets: Socket[]
let newest: AuditLog['page']
let asked: number

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] })
  sockets = []
  asked = 0
  newest = async () => [{ number: 7 } as AuditEntry]
  server = fastify({ forceCloseConnections: true })
  addPageRoutes(server, {
    assets: new Map(),
    audit: {
      page(filter) {
        asked++
        return newest(filter)
      }
    },
    clock: () => 0
  })
  server.get('/much', async (_request, reply) => reply.send(Buffer.alloc(64 * MiB)))
  await server.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  vi.useRealTimers()
  await server.close()
})

/** Asks for all of these without waiting for an answer. */
async function ask(...paths: string[]): Promise<Socket> {
  const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1')
  sockets.push(socket)
  await once(socket, 'connect')
  socket.write(paths.map(path => `GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`).join(''))
  return socket
}

async function until(is: () => boolean): Promise<void> {
  for (let turn = 0; !is(); turn++) {
    if (turn > 100_000) throw new Error('it does not come to it')
    await nextTurn()
  }
}

it('ends a stream that nobody reads without another word to it', async () => {
  await ask('/much', pageEventsPath)
  await until(() => asked === 1)
  await vi.advanceTimersByTimeAsync(59 * secondMs)
  const beats = asked
  expect(beats).toBeGreaterThan(20)
  // A beat after the end would be an error that ends the process, and this test.
  await vi.advanceTimersByTimeAsync(60 * secondMs)
  expect(asked).toBe(beats)
})

it('keeps nobody who has gone before the first beat', async () => {
  const { promise, resolve } = Promise.withResolvers<AuditEntry[]>()
  newest = async () => await promise
  const gone: boolean[] = []
  server.server.on('connection', socket => socket.once('close', () => gone.push(true)))
  const socket = await ask(pageEventsPath)
  await until(() => asked === 1)
  socket.destroy()
  await until(() => gone.length === 1)
  resolve([])
  await vi.advanceTimersByTimeAsync(10 * secondMs)
  expect(asked).toBe(1)
})

it('asks a database that takes its time once at a time', async () => {
  await ask(pageEventsPath)
  await until(() => asked === 1)
  newest = () => new Promise(() => {})
  await vi.advanceTimersByTimeAsync(20 * secondMs)
  expect(asked).toBe(2)
})

it('says that the database is away, from the first word on, and goes on when it is back', async () => {
  newest = async () => await Promise.reject(new Error('away'))
  const socket = await ask(pageEventsPath)
  let heard = ''
  socket.setEncoding('utf8').on('data', (part: string) => (heard += part))
  await until(() => heard.includes('event: away'))
  newest = async () => [{ number: 7 } as AuditEntry]
  await vi.advanceTimersByTimeAsync(3 * secondMs)
  await until(() => heard.includes('event: beat'))
})
