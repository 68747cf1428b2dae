/** Who may speak, and the one link of each pair: real hosts on loopback, and strangers made of bare libp2p. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, test } from 'vitest'
import { swarmProtocol } from '@starling/shared/wire.ts'
import { createBareHosts } from '../../../test/doubles/bare-libp2p.ts'
import {
  createFleetSecret,
  createIdentity,
  createLoopback,
  identityBetween,
  introduce,
  isJoined,
  until,
  type LoopbackAgent
} from '../../../test/doubles/peers-on-loopback.ts'
import { encodeFrame } from './control-stream.ts'

const loopback = createLoopback()
const bare = createBareHosts()

afterEach(async () => {
  await bare.stopAll()
  await loopback.stopAll()
})

const key = 'ab'.repeat(32)
const says = (agent: LoopbackAgent): string[] => agent.of('peer-said').map(({ message }) => message.type)
const refused = (agent: LoopbackAgent, reason: string): boolean =>
  (agent.peers.refusals().get(reason) ?? 0) > 0

/** A pair that has said hello, the one with the lower id first. */
async function pair(
  options: Parameters<typeof loopback.agent>[0] = {}
): Promise<[LoopbackAgent, LoopbackAgent]> {
  const agents = [await loopback.agent(options), await loopback.agent(options)] as const
  introduce(agents[0], agents[1])
  await until('they have joined', () => isJoined(agents[0], agents[1]))
  return agents[0].peers.self < agents[1].peers.self ? [agents[0], agents[1]] : [agents[1], agents[0]]
}

/** A libp2p host that knows nothing of Starling, connected to the agent. Its id is above or below the agent's. */
async function stranger(agent: LoopbackAgent, side: 'above' | 'below'): Promise<Connection> {
  let identity = createIdentity()
  while (identity.agentId > agent.peers.self !== (side === 'above')) identity = createIdentity()
  const host = await bare.host(identity)
  return host.dial(multiaddr(agent.peers.addresses()[0]))
}

/** Everything that comes out of a stream until it ends. */
async function all(stream: Stream): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of stream) pieces.push(piece.subarray())
  } catch {
    // Reset: what came before it is what counts.
  }
  return Buffer.concat(pieces)
}

describe('hello', () => {
  test('two agents of a fleet join, whoever dials, and each hears of it once', async () => {
    for (const dials of ['lower', 'higher', 'both']) {
      const [lower, higher] = identityBetween()
      const [a, b] = [await loopback.agent({ identity: lower }), await loopback.agent({ identity: higher })]
      if (dials !== 'higher') introduce(a, b)
      if (dials !== 'lower') introduce(b, a)
      await until(`they have joined when ${dials} dials`, () => isJoined(a, b))
      a.peers.say([b.peers.self], { type: 'unknown-key', key })
      b.peers.say([a.peers.self], { type: 'unknown-key', key })
      await until('both have spoken', () => says(a).length + says(b).length === 2)
      for (const [one, other] of [
        [a, b],
        [b, a]
      ] as const) {
        expect(one.heard.map(({ type }) => type)).toEqual(['peer-joined', 'peer-said'])
        const near = { sameGroup: false, sameSubnet: true, sameLink: true }
        expect(one.of('peer-joined')).toEqual([
          { type: 'peer-joined', peer: other.peers.self, site: 'lab', role: 'agent', near }
        ])
        expect([...one.peers.refusals()]).toEqual([])
      }
    }
  })

  test('tells where chunks can be had: at the address of the link, for as long as it lasts', async () => {
    const [a, b] = [await loopback.agent({ bulkPort: 4711 }), await loopback.agent({ bulkPort: 0 })]
    expect([b.peers.linked(a.peers.self), b.peers.bulkAt(a.peers.self)]).toEqual([false, null])
    introduce(a, b)
    await until('they have joined', () => isJoined(a, b))
    expect([b.peers.linked(a.peers.self), b.peers.bulkAt(a.peers.self)]).toEqual([
      true,
      { host: '127.0.0.1', port: 4711 }
    ])
    expect([a.peers.linked(b.peers.self), a.peers.bulkAt(b.peers.self)]).toEqual([true, null])
    b.peers.hangUp(a.peers.self, 'enough')
    expect([b.peers.linked(a.peers.self), b.peers.bulkAt(a.peers.self)]).toEqual([false, null])
  })

  test('many pairs that dial each other in the same moment all join once and lose no word', async () => {
    const agents = await Promise.all(
      Array.from({ length: 6 }, async () => loopback.agent({ limits: { yieldMs: 0 } }))
    )
    for (const a of agents) for (const b of agents) if (a !== b) introduce(a, b)
    await until('everyone knows everyone', () =>
      agents.every(a => a.peers.list().length === agents.length - 1)
    )
    for (const a of agents)
      for (const b of agents) if (a !== b) a.peers.say([b.peers.self], { type: 'unknown-key', key })
    await until('every word has arrived', () => agents.every(a => says(a).length === agents.length - 1))
    for (const a of agents) {
      expect(a.of('peer-joined')).toHaveLength(agents.length - 1)
      expect(a.of('peer-left')).toHaveLength(0)
    }
  })

  test.each([
    ['another fleet', { secret: createFleetSecret() }, 'other-fleet'],
    ['another site', { site: 'elsewhere' }, 'other-site']
  ])('an agent of %s is refused, with the reason, and hears why', async (_, options, reason) => {
    for (const dials of ['ours', 'theirs']) {
      const [ours, theirs] = [await loopback.agent(), await loopback.agent(options)]
      if (dials === 'ours') introduce(ours, theirs)
      else introduce(theirs, ours)
      await until('one has refused, the other was', () =>
        [
          [ours, theirs],
          [theirs, ours]
        ].some(([a, b]) => refused(a!, reason) && refused(b!, 'refused-by-peer'))
      )
      expect(ours.heard).toEqual([])
      expect(theirs.heard).toEqual([])
      expect(ours.peers.list()).toEqual([])
    }
  })

  test('an agent without a proof neither dials nor accepts, and does as soon as it has one', async () => {
    const limits = { redialMs: 50, redialMsMax: 100 }
    const [member, bare] = [await loopback.agent({ limits }), await loopback.agent({ limits })]
    const proof = bare.trust.proof()
    bare.trust.proof = () => null
    introduce(member, bare)
    introduce(bare, member)
    await until('its door stays shut', () => refused(bare, 'no-proof') && refused(member, 'unreachable'))
    expect([...member.heard, ...bare.heard]).toEqual([])
    expect(refused(bare, 'unreachable')).toBe(false)
    bare.trust.proof = () => proof
    await until('it has joined', () => isJoined(member, bare))
  })

  test('what another agent has shown is of no use to a thief', async () => {
    const [victim, member] = [await loopback.agent(), await loopback.agent()]
    const thief = await loopback.agent({ secret: createFleetSecret() })
    thief.trust.proof = () => victim.trust.proof()
    introduce(thief, member)
    await until(
      'it was refused',
      () => [...member.peers.refusals().keys(), ...thief.peers.refusals().keys()].length > 0
    )
    expect(member.heard).toEqual([])
  })
})

describe('a stranger that skips hello', () => {
  test.each(['above', 'below'] as const)(
    '(its id %s ours) gets no byte, counts as nobody, and is hung up',
    async side => {
      const agent = await loopback.agent({ limits: { helloMs: 300 } })
      const connection = await stranger(agent, side)
      // It may be closed before the first word, or even before it is open: that is as good an answer as any.
      const stream = await connection.newStream(swarmProtocol).catch(() => null)
      if (stream?.writeStatus === 'writable') stream.send(encodeFrame({ type: 'ask', key, url: null }))
      const answer = stream === null ? Buffer.alloc(0) : await all(stream)
      await until('it is hung up', () => connection.status !== 'open')
      expect(agent.heard).toEqual([])
      // A word of farewell, perhaps, but nothing of ours: no bytes, no proof, no site.
      for (const ours of ['proof', 'site', 'lab']) expect(answer.includes(ours)).toBe(false)
      expect(
        [...agent.peers.refusals().keys()].some(reason =>
          ['no-hello', 'not-starling', 'hung-up'].includes(reason)
        )
      ).toBe(true)
    }
  )

  test('that just stays silent is hung up too', async () => {
    const agent = await loopback.agent({ limits: { helloMs: 200 } })
    const connection = await stranger(agent, 'below')
    await until('it is hung up', () => connection.status !== 'open')
    expect(refused(agent, 'no-hello')).toBe(true)
  })

  test('takes the place of nobody: beyond so many, new ones are turned away', async () => {
    const agent = await loopback.agent({ limits: { strangersMax: 2 } })
    await stranger(agent, 'below')
    await stranger(agent, 'below')
    await expect(stranger(agent, 'below')).rejects.toThrow()
    expect(refused(agent, 'too-many-strangers')).toBe(true)
  })
})

describe('links that end', () => {
  test('a peer that stops has left for the other, and is dialled again while the hint stands', async () => {
    const [a, b] = [await loopback.agent({ limits: { redialMs: 50 } }), await loopback.agent()]
    introduce(a, b)
    await until('they have joined', () => isJoined(a, b))
    const [port] = b.peers.addresses()[0]!.match(/(?<=tcp\/)\d+/)!
    await b.peers.stop()
    await until('it has left', () => a.of('peer-left').length === 1)
    expect(a.peers.list()).toEqual([])
    await until('it is dialled again', () => refused(a, 'unreachable'))
    const again = await loopback.agent({
      identity: b.identity,
      listen: { host: '127.0.0.1', port: Number(port) }
    })
    await until('it is back', () => isJoined(a, again))
    expect(a.heard.map(({ type }) => type)).toEqual(['peer-joined', 'peer-left', 'peer-joined'])
  })

  test('hangUp ends a link with its reason on both sides, and does not come back at once', async () => {
    const [a, b] = await pair({ limits: { redialMs: 10 } })
    a.peers.hangUp(b.peers.self, 'enough')
    await until('both have lost it', () => a.of('peer-left').length + b.of('peer-left').length === 2)
    expect(a.peers.list()).toEqual([])
  })

  test('a forbidden peer is hung up, and neither dialled nor accepted again', async () => {
    const [a, b] = await pair({ limits: { redialMs: 10, settledMs: 0 } })
    a.peers.forbid([b.peers.self], 'revoked')
    await until('the link is gone', () => a.of('peer-left').length + b.of('peer-left').length === 2)
    introduce(b, a)
    await until('it was refused', () => refused(a, 'forbidden'))
    introduce(a, b)
    b.peers.say([a.peers.self], { type: 'unknown-key', key })
    expect(a.of('peer-joined')).toHaveLength(1)
    expect(a.peers.list()).toEqual([])
  })

  test('a peer whose proof has ended is hung up', async () => {
    const [a, b] = await pair({ limits: { recheckMs: 20 } })
    a.trust.checkPeer = () => 'expired'
    await until('it has left', () => a.of('peer-left').length === 1 && b.of('peer-left').length === 1)
    expect(refused(a, 'expired')).toBe(true)
  })

  test('a peer back from the dead replaces its old link: it left, and joined', async () => {
    const [lower, higher] = identityBetween()
    const a = await loopback.agent({ identity: lower, limits: { aliveMs: 200 } })
    const b = await loopback.agent({ identity: higher })
    const line = await createLine(b)
    a.peers.hint([{ id: b.peers.self, addresses: [line.address] }])
    await until('they have joined', () => isJoined(a, b))
    line.freeze()
    // The same key in a new process, as after a power cut of which the old connection knows nothing.
    const again = await loopback.agent({ identity: higher })
    introduce(again, a)
    await until('the successor has joined', () => isJoined(a, again))
    expect(a.heard.map(({ type }) => type)).toEqual(['peer-joined', 'peer-left', 'peer-joined'])
    line.close()
  })

  test('a second connection does not disturb a link that lives', async () => {
    const [lower, higher] = identityBetween()
    const a = await loopback.agent({ identity: lower })
    const b = await loopback.agent({ identity: higher })
    introduce(a, b)
    await until('they have joined', () => isJoined(a, b))
    const host = await bare.host(higher)
    const spare = await host.dial(multiaddr(a.peers.addresses()[0]))
    await until('the spare is closed', () => spare.status !== 'open')
    b.peers.say([a.peers.self], { type: 'unknown-key', key })
    await until('the link still carries words', () => says(a).length === 1)
    expect(a.heard.map(({ type }) => type)).toEqual(['peer-joined', 'peer-said'])
  })
})

/** A line to an agent that can freeze: it neither carries anything any more nor ends. */
async function createLine(to: LoopbackAgent): Promise<{ address: string; freeze(): void; close(): void }> {
  const port = Number(to.peers.addresses()[0]!.match(/(?<=tcp\/)\d+/)![0])
  const sockets: Socket[] = []
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1')
    sockets.push(near, far)
    for (const socket of [near, far]) socket.on('error', () => {})
    near.pipe(far).pipe(near)
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    address: `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause()
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

describe('start', () => {
  test('says what to do when the port is taken', async () => {
    const a = await loopback.agent()
    const port = Number(a.peers.addresses()[0]!.match(/(?<=tcp\/)\d+/)![0])
    await expect(loopback.agent({ listen: { host: '127.0.0.1', port } })).rejects.toMatchObject({
      code: 'listen-failed',
      message: expect.stringContaining(`port ${port}`)
    })
  })

  test('refuses a host that is no address', async () => {
    await expect(loopback.agent({ listen: { host: 'desk', port: 0 } })).rejects.toMatchObject({
      code: 'bad-address'
    })
  })

  test('dials the static peers of its config', async () => {
    const a = await loopback.agent()
    const named = await loopback.agent({ staticPeers: a.peers.addresses() })
    await until('the named one is found', () => isJoined(a, named))
    const unnamed = await loopback.agent({ staticPeers: [a.peers.addresses()[0]!.replace(/\/p2p\/.*/, '')] })
    await until('the unnamed one is found', () => isJoined(a, unnamed))
  })
})
