/** Who gets a socket to be served on, and who does not. */
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { createBulkLoopback, type BulkAgent } from '../../../test/doubles/bulk-on-loopback.ts'
import { until } from '../../../test/doubles/peers-on-loopback.ts'
import { answerHeadBytes, encodeRequest } from './frames.ts'

const net = createBulkLoopback()
afterEach(async () => {
  await net.endAll()
})

const request = encodeRequest({ id: 1, transfer: 'ab'.repeat(32), chunk: 0, offset: 0, length: 10 })

/** Resolves with what the other side says before it closes. */
async function askAndRead(socket: TLSSocket): Promise<Buffer> {
  const said: Buffer[] = []
  socket.on('data', (piece: Buffer) => said.push(piece))
  socket.write(request)
  if (!socket.destroyed) await once(socket, 'close')
  return Buffer.concat(said)
}

async function serving(limits = {}): Promise<{ server: BulkAgent; asked: () => number }> {
  const server = await net.agent(limits)
  let asked = 0
  server.bulk.onRequest((_, reply) => {
    asked++
    void reply.send(Buffer.alloc(10, 1))
  })
  return { server, asked: () => asked }
}

describe('before a byte of a chunk is cut off', () => {
  test('who shows no certificate', async () => {
    const { server, asked } = await serving()
    expect(await askAndRead(await net.dial(server, null))).toHaveLength(0)
    expect(server.bulk.cuts().get('no-certificate')).toBe(1)
    expect(asked()).toBe(0)
  })

  test('whose hello was not accepted', async () => {
    const { server, asked } = await serving()
    const stranger = await net.agent()
    net.accepted.delete(stranger.id)
    expect(await askAndRead(await net.dial(server, stranger.tls))).toHaveLength(0)
    expect(server.bulk.cuts().get('not-accepted')).toBe(1)
    expect(asked()).toBe(0)
    await expect(
      stranger.bulk.fetch({
        peer: server.id,
        transfer: 'ab'.repeat(32),
        chunk: 0,
        target: Buffer.alloc(10),
        signal: new AbortController().signal
      })
    ).rejects.toMatchObject({ code: 'broken' })
  })

  test('who speaks another protocol, or names none', async () => {
    const { server, asked } = await serving()
    const peer = await net.agent()
    await expect(net.dial(server, peer.tls, ['http/1.1'])).rejects.toMatchObject({ code: 'unreachable' })
    expect(await askAndRead(await net.dial(server, peer.tls, []))).toHaveLength(0)
    expect(server.bulk.cuts().get('other-protocol')).toBe(1)
    expect(asked()).toBe(0)
  })

  test('who speaks no TLS 1.3', async () => {
    const { server } = await serving()
    const old = connectTls({
      host: '127.0.0.1',
      port: server.bulk.port,
      maxVersion: 'TLSv1.2',
      checkServerIdentity: () => undefined
    })
    await once(old, 'error')
    const plain = connectTcp({ host: '127.0.0.1', port: server.bulk.port })
    plain.on('error', () => {})
    plain.write('GET / HTTP/1.1\r\n\r\n')
    await once(plain, 'close')
    expect(server.bulk.cuts().get('no-handshake')).toBe(2)
  })
})

test('the socket speaks TLS 1.3 with AES-128-GCM, and a session cannot be resumed', async () => {
  const { server } = await serving()
  const peer = await net.agent()
  const socket = await net.dial(server, peer.tls)
  expect([socket.getProtocol(), socket.getCipher().standardName]).toEqual([
    'TLSv1.3',
    'TLS_AES_128_GCM_SHA256'
  ])
  const session = once(socket, 'session')
  socket.write(request)
  const again = connectTls({
    host: '127.0.0.1',
    port: server.bulk.port,
    ...peer.tls,
    ca: server.tls.cert,
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['starling/bulk/1'],
    session: ((await session) as [Buffer])[0]
  })
  again.write(request)
  const [answer] = (await once(again, 'data')) as [Buffer]
  expect([answer.length, again.isSessionReused()]).toEqual([answerHeadBytes + 10, false])
  again.destroy()
})

test('strangers are bounded in number and by address, and peers are served beside them', async () => {
  const { server } = await serving({ strangersPerAddress: 3 })
  const peer = await net.agent()
  const socket = await net.dial(server, peer.tls)
  await until('it is served', () => server.bulk.sockets().serving === 1)
  const strangers = Array.from({ length: 5 }, () => {
    const stranger = connectTcp({ host: '127.0.0.1', port: server.bulk.port })
    stranger.on('error', () => {})
    return stranger
  })
  await until('two are closed', () => strangers.filter(({ closed }) => closed).length === 2)
  expect(server.bulk.cuts().get('too-many-strangers')).toBe(2)
  socket.write(request)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer).toHaveLength(answerHeadBytes + 10)
  for (const stranger of strangers) stranger.destroy()
})

test('of one peer the oldest socket goes when there are too many; of all peers together the newest', async () => {
  const { server } = await serving({ servedPerPeer: 4, servedMax: 6 })
  const [one, two] = [await net.agent(), await net.agent()]
  const sockets: TLSSocket[] = []
  for (let made = 0; made < 5; made++) sockets.push(await net.dial(server, one.tls))
  await until('the oldest is closed', () => sockets[0]!.closed)
  expect(sockets.map(({ closed }) => closed)).toEqual([true, false, false, false, false])
  const others = [
    await net.dial(server, two.tls),
    await net.dial(server, two.tls),
    await net.dial(server, two.tls)
  ]
  await until('the newest is closed', () => others[2]!.closed)
  expect(others.map(({ closed }) => closed)).toEqual([false, false, true])
  expect(server.bulk.sockets().serving).toBe(6)
})

test('a port that is taken is said to be', async () => {
  const { server } = await serving()
  await expect(net.agent({}, server.bulk.port)).rejects.toMatchObject({
    code: 'listen-failed',
    message: expect.stringContaining('choose another port')
  })
})
