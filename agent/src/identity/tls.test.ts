import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createTlsIdentity } from './certificate.ts'
import { createIdentity, type Identity } from './keys.ts'
import { agentIdOfSocket, dialAgent, identityServerOptions } from './tls.ts'

const undo: Array<() => Promise<void> | void> = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function serve(
  as: Identity,
  onSocket: (socket: TLSSocket) => void,
  tls?: { key: string; cert: string }
): Promise<number> {
  const server: Server = createServer(identityServerOptions(tls ?? (await createTlsIdentity(as))), socket => {
    undo.push(() => {
      socket.destroy()
    })
    socket.on('error', () => {})
    onSocket(socket)
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  undo.push(
    () =>
      new Promise<void>(resolve => {
        server.close(() => {
          resolve()
        })
      })
  )
  return (server.address() as AddressInfo).port
}

describe('a TLS connection between agents', () => {
  it('proves both AgentIds', async () => {
    const [server, client] = [createIdentity(), createIdentity()]
    let caller: string | null = null
    const port = await serve(server, socket => {
      caller = agentIdOfSocket(socket)
      socket.end('hello')
    })
    const socket = await dialAgent({
      host: '127.0.0.1',
      port,
      expected: server.agentId,
      tls: await createTlsIdentity(client)
    })
    undo.push(() => {
      socket.destroy()
    })
    expect(socket.getProtocol()).toBe('TLSv1.3')
    const said = await new Promise<string>(resolve => {
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes.toString())
      })
    })
    expect(said).toBe('hello')
    expect(caller).toBe(client.agentId)
  })

  it('shows a caller without a certificate as nobody', async () => {
    const server = createIdentity()
    const seen = Promise.withResolvers<string | null>()
    const port = await serve(server, socket => {
      seen.resolve(agentIdOfSocket(socket))
    })
    const socket = await dialAgent({ host: '127.0.0.1', port, expected: server.agentId, tls: null })
    undo.push(() => {
      socket.destroy()
    })
    expect(await seen.promise).toBeNull()
  })

  it('is refused by the caller when another key answers', async () => {
    const port = await serve(createIdentity(), () => {})
    await expect(
      dialAgent({ host: '127.0.0.1', port, expected: createIdentity().agentId, tls: null })
    ).rejects.toMatchObject({ code: 'wrong-identity' })
  })

  it('cannot be had with a stolen certificate and another key', async () => {
    const [victim, thief] = [
      await createTlsIdentity(createIdentity()),
      await createTlsIdentity(createIdentity())
    ]
    await expect(serve(createIdentity(), () => {}, { key: thief.key, cert: victim.cert })).rejects.toThrow(
      /key values mismatch/i
    )
  })

  it('is given up when nobody answers the handshake, or on request', async () => {
    const { createServer: createTcpServer } = await import('node:net')
    const silent = createTcpServer(socket => {
      undo.push(() => {
        socket.destroy()
      })
    })
    await new Promise<void>(resolve => {
      silent.listen(0, '127.0.0.1', resolve)
    })
    undo.push(
      () =>
        new Promise<void>(resolve => {
          silent.close(() => {
            resolve()
          })
        })
    )
    const { port } = silent.address() as AddressInfo
    const dial = { host: '127.0.0.1', port, expected: createIdentity().agentId, tls: null }
    await expect(dialAgent({ ...dial, timeoutMs: 30 })).rejects.toMatchObject({ code: 'timeout' })
    const stop = new AbortController()
    const pending = dialAgent({ ...dial, signal: stop.signal })
    stop.abort()
    await expect(pending).rejects.toMatchObject({ code: 'aborted' })
  })

  it('fails plainly where nothing listens', async () => {
    const port = await serve(createIdentity(), () => {})
    await undo.pop()!()
    await expect(
      dialAgent({ host: '127.0.0.1', port, expected: createIdentity().agentId, tls: null })
    ).rejects.toMatchObject({ code: 'unreachable' })
  })
})
