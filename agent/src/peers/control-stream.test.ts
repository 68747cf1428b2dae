/** What a member may do wrong once it has said hello, by a peer of bare libp2p that does it. */
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, test } from 'vitest'
import { swarmProtocol, type Hello, type Message } from '@starling/shared/wire.ts'
import {
  createLoopback,
  identityBetween,
  memberBelow,
  memberOf,
  until,
  type LoopbackAgent
} from '../../../test/doubles/peers-on-loopback.ts'
import { createBareHosts, helloFrame } from '../../../test/doubles/bare-libp2p.ts'
import { encodeFrame } from './control-stream.ts'
import { framed } from './frames.ts'

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

describe('a peer that misbehaves', () => {
  /** A member that says hello as it should and then whatever the test wants. Its id is below, so it opens the stream. */
  async function rogue(agent: LoopbackAgent, hello: Partial<Hello> = {}): Promise<Stream> {
    const { identity, proof } = memberBelow(agent.peers.self)
    const host = await bare.host(identity)
    const stream = await host.dialProtocol(multiaddr(agent.peers.addresses()[0]), swarmProtocol)
    stream.send(helloFrame(proof, hello))
    return stream
  }
  const welcome = async (agent: LoopbackAgent): Promise<Stream> => {
    const stream = await rogue(agent)
    await until('it has joined', () => agent.of('peer-joined').length === 1)
    return stream
  }

  test('is refused with another version, or with a site that its proof does not name', async () => {
    const agent = await loopback.agent()
    await rogue(agent, { version: 2 })
    await until('the version is refused', () => refused(agent, 'other-version'))
    await rogue(agent, { site: 'elsewhere' })
    await until('the site is refused', () => refused(agent, 'other-site'))
    expect(agent.heard).toEqual([])
  })

  test('cannot make itself a gateway with a fleet secret', async () => {
    const agent = await loopback.agent()
    await rogue(agent, { role: 'gateway' })
    await until('it has joined', () => agent.of('peer-joined').length === 1)
    expect(agent.of('peer-joined')[0]!.role).toBe('agent')
  })

  test.each([
    ['bytes that are no frame', Buffer.alloc(64, 0xff)],
    ['a frame that is not dag-cbor', framed(Buffer.from('hello'))],
    ['a known message of the wrong shape', framed(Buffer.from('a164747970656361736b', 'hex'))],
    ['a second hello', 'hello']
  ])('loses its stream for %s', async (_, bytes) => {
    const agent = await loopback.agent()
    const stream = await welcome(agent)
    stream.send(typeof bytes === 'string' ? helloFrame(agent.trust.proof()!) : bytes)
    const said = await all(stream)
    expect(said.includes('bad-frame')).toBe(true)
    expect(agent.heard.map(({ type }) => type)).toEqual(['peer-joined', 'peer-left'])
    expect(refused(agent, 'bad-frame')).toBe(true)
  })

  test('loses its stream for a flood', async () => {
    const agent = await loopback.agent({ limits: { framesPerSecond: 1, framesAtOnce: 50 } })
    const stream = await welcome(agent)
    const word = encodeFrame({ type: 'unknown-key', key })
    for (let n = 0; n < 100; n++) stream.send(word)
    // The farewell itself may be lost here: who still writes when the other side closes gets a reset.
    await until('it has left', () => agent.of('peer-left').length === 1)
    expect(refused(agent, 'flood')).toBe(true)
    expect(says(agent).length).toBeLessThan(60)
    expect(says(agent).length).toBeGreaterThanOrEqual(49)
  })

  test('that does not read is hung up before our memory fills', async () => {
    const agent = await loopback.agent({ limits: { pendingWriteBytes: 1024 * 1024 } })
    const stream = await welcome(agent)
    stream.pause()
    const peer = agent.peers.list()[0]!.id
    const big: Message = { type: 'bitfield', transfer: key, bits: new Uint8Array(8192), claims: [] }
    for (let n = 0; n < 2000 && agent.of('peer-left').length === 0; n++) agent.peers.say([peer], big)
    expect(refused(agent, 'too-slow')).toBe(true)
    expect(agent.of('peer-left')).toHaveLength(1)
  })

  test('cannot open the stream that is ours to open', async () => {
    const [lower, higher] = identityBetween()
    const agent = await loopback.agent({ identity: lower })
    const { proof } = memberOf(higher)
    const host = await bare.host(higher)
    // It takes the stream that the agent opens, and says nothing there.
    await host.handle(swarmProtocol, () => {})
    const stream = await host.dialProtocol(multiaddr(agent.peers.addresses()[0]), swarmProtocol)
    if (stream.writeStatus === 'writable') stream.send(helloFrame(proof))
    expect(await all(stream)).toHaveLength(0)
    expect(agent.heard).toEqual([])
  })

  test('may say what only a newer version knows: it is skipped', async () => {
    const agent = await loopback.agent()
    const stream = await welcome(agent)
    // {"type": "news"} in CBOR.
    stream.send(framed(Buffer.from('a16474797065646e657773', 'hex')))
    stream.send(encodeFrame({ type: 'unknown-key', key }))
    await until('what follows is heard', () => says(agent).length === 1)
    expect(says(agent)).toEqual(['unknown-key'])
  })

  test('cannot speak for others: foreign claims and bad signatures never reach the core', async () => {
    const agent = await loopback.agent()
    const stream = await welcome(agent)
    const peer = agent.peers.list()[0]!.id
    const claimBy = (claimant: string) => ({ extent: 1, claimant, sequence: 1, bytesDone: 0 })
    const signed = {
      issuer: peer,
      issuedAt: Date.now(),
      expiresAt: Date.now() + 1000,
      serial: 1,
      bytes: new Uint8Array(64)
    }
    const head = {
      key: 'example.org/a',
      length: 10,
      validator: '',
      chunkBytes: 1048576,
      contentClass: 'any',
      headers: [],
      promised: null
    }
    for (const message of [
      { type: 'claim', transfer: key, claim: claimBy(agent.peers.self) },
      { type: 'release', transfer: key, claim: claimBy(agent.peers.self) },
      { type: 'head', head: { transfer: key, head, signed } },
      {
        type: 'digests',
        digests: { transfer: key, entries: [[0, new Uint8Array(32)]], signed },
        proof: null
      },
      {
        type: 'bitfield',
        transfer: key,
        bits: new Uint8Array(1),
        claims: [claimBy(agent.peers.self), claimBy(peer)]
      },
      { type: 'claim', transfer: key, claim: claimBy(peer) }
    ] satisfies Message[])
      stream.send(encodeFrame(message))
    await until('the last is heard', () => says(agent).includes('claim'))
    expect(agent.of('peer-said').map(({ message }) => message)).toEqual([
      expect.objectContaining({ type: 'bitfield', claims: [claimBy(peer)] }),
      expect.objectContaining({ type: 'claim', claim: claimBy(peer) })
    ])
    const counted = [...agent.peers.refusals().keys()].map(reason => reason.split('-')[0])
    expect(new Set(counted)).toEqual(new Set(['foreign', 'head', 'digests']))
  })
})
