import { Bitfield } from '@starling/shared/bitfield.ts'
import { keyHashOf, transferIdOf, type SignedDigests, type SignedHead } from '@starling/shared/manifest.ts'
import { corePolicyDefaults } from '@starling/shared/policy/effective.ts'
import { MiB } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import { describe, expect, test } from 'vitest'
import { createAgentCore } from './agent.ts'
import type { AgentEffect, AgentEvent, CorePolicy } from './events.ts'

function headOf(name: string): SignedHead {
  const head = {
    key: `origin.example/${name}`,
    length: 64 * MiB,
    validator: `"${name}"`,
    chunkBytes: MiB,
    contentClass: 'generic-download',
    headers: [],
    promised: null
  }
  const signed = { issuer: 'me', issuedAt: 0, expiresAt: 1e12, serial: 1, bytes: new Uint8Array(64) }
  return { transfer: transferIdOf(head), head, signed }
}

function digestsOf({ transfer, signed }: SignedHead): SignedDigests {
  const entries = Array.from({ length: 64 }, (_, chunk) => [chunk, new Uint8Array(32).fill(chunk)] as const)
  return { transfer, entries, signed }
}

test('what is pinned while the agent runs is not evicted, and can go once it is unpinned', () => {
  const core = createAgentCore({
    self: 'me',
    role: 'agent',
    site: 'lab',
    policy: corePolicyDefaults,
    seed: 1,
    bans: []
  })
  const [old, young] = [headOf('old'), headOf('young')]
  for (const [at, head] of [old, young].entries()) {
    const have = Bitfield.full(64)
    core.step(
      { type: 'transfer-loaded', head, have, digests: [], unsigned: [], lastUsedAt: at, pinned: false },
      10
    )
  }
  const full = {
    type: 'disk-changed',
    usedBytes: 128 * MiB,
    quotaBytes: 128 * MiB,
    freeBytes: 1024 * MiB,
    floorBytes: 0
  } as const
  core.step({ type: 'transfer-pinned', transfer: old.transfer, pinned: true }, 20)
  expect(core.step(full, 30)).toEqual([{ type: 'evict', transfer: young.transfer }])
  core.step({ type: 'transfer-pinned', transfer: old.transfer, pinned: false }, 40)
  expect(core.step(full, 50)).toEqual([{ type: 'evict', transfer: old.transfer }])
})

test('a version that is looked up again is fresh for another while: nobody asks upstream each time', () => {
  const core = createAgentCore({
    self: 'me',
    role: 'agent',
    site: 'lab',
    policy: corePolicyDefaults,
    seed: 1,
    bans: []
  })
  const { head, transfer, signed } = headOf('mutable')
  const signedAt = (issuedAt: number): SignedHead => ({
    head,
    transfer,
    signed: { ...signed, issuedAt, expiresAt: issuedAt + 3000, serial: issuedAt }
  })
  const key = keyHashOf(head.key)
  const want = (wish: number, now: number): AgentEffect[] => [
    ...core.step(
      { type: 'content-wanted', wish, key, url: 'http://origin.example/mutable', rangeFirst: true },
      now
    )
  ]
  const types = (effects: readonly AgentEffect[]): string[] => effects.map(({ type }) => type)

  expect(types(want(1, 10))).toContain('resolve')
  core.step({ type: 'resolved', key, head: signedAt(20), flow: null }, 20)
  expect(types(want(2, 1000))).toEqual(expect.arrayContaining(['answer-wish']))
  expect(types(want(3, 5000))).toContain('resolve')
  core.step({ type: 'resolved', key, head: signedAt(5010), flow: null }, 5010)
  const later = types(want(4, 6000))
  expect([later.includes('answer-wish'), later.includes('resolve')]).toEqual([true, false])
})

const keptLoaded: AgentEvent = {
  type: 'transfer-loaded',
  head: headOf('kept'),
  have: Bitfield.full(64),
  digests: [],
  unsigned: [],
  lastUsedAt: 0,
  pinned: false
}

describe('classes', () => {
  const head = headOf('update')
  const url = 'http://origin.example/update'
  const policy = { ...corePolicyDefaults, maxBackgroundQueueDelayMs: 0 }

  /** An agent that knows the head and has a peer; clients read all of it. */
  function agent(given: Partial<CorePolicy> = {}) {
    const core = createAgentCore({
      self: 'me',
      role: 'agent',
      site: 'lab',
      policy: { ...policy, ...given },
      seed: 1,
      bans: []
    })
    const step = (event: AgentEvent, now: number) => core.step(event, now)
    const all: AgentEffect[] = []
    const say = (event: AgentEvent, now: number): AgentEffect[] => {
      const effects = step(event, now)
      all.push(...effects)
      return effects
    }
    say({ type: 'peer-joined', peer: 'other', site: 'lab', role: 'agent' }, 0)
    say({ type: 'content-wanted', wish: 1, key: keyHashOf(head.head.key), url, rangeFirst: true }, 0)
    say({ type: 'peer-said', peer: 'other', message: { type: 'head', head } }, 1)
    return {
      say,
      all,
      read: (background: boolean, now: number) =>
        say(
          {
            type: 'range-wanted',
            reader: now,
            transfer: head.transfer,
            start: 0,
            end: head.head.length,
            background
          },
          now
        ),
      hear: (message: SwarmMessage, now: number) => say({ type: 'peer-said', peer: 'other', message }, now),
      /** Lets time pass, with wakes when they are due. */
      until(end: number): void {
        for (let at = core.wakeAt(); at !== null && at <= end; at = core.wakeAt()) say({ type: 'woke' }, at)
      }
    }
  }
  const interested = (background: boolean): SwarmMessage => ({
    type: 'interested',
    transfer: head.transfer,
    weight: 500,
    background,
    wants: [[0, 64]]
  })
  const classes = (effects: readonly AgentEffect[]) =>
    effects.flatMap(effect => (effect.type === 'set-class' ? [effect.background] : []))
  const told = (effects: readonly AgentEffect[]) =>
    effects.flatMap(effect =>
      effect.type === 'say' && effect.message.type === 'interested' ? [effect.message.background] : []
    )

  test('a transfer is in the background until one reader waits for it, and the site is told', () => {
    const one = agent()
    const first = one.read(true, 10)
    expect([classes(first), told(first)]).toEqual([[true], [true]])
    const second = one.read(false, 20)
    expect([classes(second), told(second)]).toEqual([[false], [false]])
    const left = one.say({ type: 'range-done', reader: 20 }, 30)
    expect([classes(left), told(left)]).toEqual([[true], [true]])
  })

  test('where somebody waits at another machine of the site, nobody holds back', () => {
    const one = agent()
    one.read(true, 10)
    expect(classes(one.hear(interested(true), 20))).toEqual([])
    expect(classes(one.hear(interested(false), 30))).toEqual([false])
    expect(classes(one.hear({ type: 'not-interested', transfer: head.transfer }, 40))).toEqual([true])
    // What this agent tells is about its own clients, or two could keep each other awake.
    expect(told(one.all)).not.toContain(false)
  })

  test('in the background half of the upstream slots are used, and a claim that is quiet is waited for', () => {
    const run = (background: boolean): { flows: number; takenOver: boolean } => {
      const one = agent()
      one.hear(interested(true), 5)
      one.read(background, 10)
      const claim = { extent: 0, claimant: 'other', sequence: 1, bytesDone: 0 }
      one.hear({ type: 'claim', transfer: head.transfer, claim }, 20)
      const theirs = new Bitfield(64)
      theirs.set(63)
      one.hear({ type: 'bitfield', transfer: head.transfer, bits: theirs.toBytes(), claims: [] }, 21)
      one.until(20_000)
      return {
        flows: one.all.filter(({ type }) => type === 'fetch-upstream').length,
        takenOver: one.all.some(effect => effect.type === 'report' && effect.fact.what === 'claim-taken-over')
      }
    }
    // Both slots, and then the first chunk out of turn: somebody waits for it.
    expect(run(false)).toEqual({ flows: 3, takenOver: true })
    expect(run(true)).toEqual({ flows: 1, takenOver: false })
  })

  test('uploads over the rate are put off until it allows them', () => {
    const one = agent({ maxLanUploadBytesPerSecond: 1_000_000 })
    one.say(keptLoaded, 10)
    const asks = (upload: number, now: number) =>
      one
        .say(
          { type: 'chunk-asked', upload, peer: 'other', transfer: headOf('kept').transfer, chunk: upload },
          now
        )
        .filter(({ type }) => type === 'serve' || type === 'refuse')
    expect(asks(1, 10_000)).toEqual([{ type: 'serve', upload: 1 }])
    const [refused] = asks(2, 10_001)
    expect(refused).toMatchObject({ type: 'refuse', reason: 'busy' })
    const retryAt = 10_001 + (refused as { retryAfterMs: number }).retryAfterMs
    expect(retryAt).toBeGreaterThan(10_500)
    expect(asks(3, retryAt)).toEqual([{ type: 'serve', upload: 3 }])
  })

  test('and of policy that is changed while it runs are followed from then on', () => {
    const one = agent({ uploadSlots: 1 })
    one.say(keptLoaded, 10)
    const ask = (upload: number, now: number) =>
      one
        .say(
          { type: 'chunk-asked', upload, peer: 'other', transfer: headOf('kept').transfer, chunk: upload },
          now
        )
        .map(({ type }) => type)
    expect([ask(1, 20), ask(2, 21)]).toEqual([['serve'], ['refuse']])
    const rates = one.say({ type: 'policy-changed', policy: { ...policy, uploadSlots: 2 } }, 30)
    expect(rates).toEqual([])
    expect([ask(3, 31), ask(4, 32)]).toEqual([['serve'], ['refuse']])
    const maxForegroundDownloadBytesPerSecond: never = MiB as never
    expect(
      one.say({ type: 'policy-changed', policy: { ...policy, maxForegroundDownloadBytesPerSecond } }, 40)
    ).toContainEqual({ type: 'set-rates', rates: { all: null, foreground: MiB, background: null } })
  })

  // It ranks first, so before anything had come it could claim each time its claim was void, for ever.
  test.each([
    ['what there is', 0],
    ['what there is not', 1000]
  ])('a peer that claims %s again and again, and brings nothing, stops nobody', (_, first) => {
    const one = agent()
    one.hear({ ...interested(false), weight: 1000 } as SwarmMessage, 5)
    one.read(false, 10)
    one.hear({ type: 'bitfield', transfer: head.transfer, bits: new Uint8Array(8), claims: [] }, 11)
    let sequence = 0
    for (let now = 12; now < 20_000; now += 50) {
      for (const extent of [first, first + 1]) {
        const claim = { extent, claimant: 'other', sequence: ++sequence, bytesDone: 0 }
        one.hear({ type: 'claim', transfer: head.transfer, claim }, now)
      }
      one.until(now + 49)
    }
    // More than the one chunk that is fetched out of turn.
    expect(one.all.filter(({ type }) => type === 'fetch-upstream').length).toBeGreaterThan(1)
  })

  // Cold machines take seconds to a first answer. The bad mark stayed although the chunk had come, and what the only seeder has was
  // fetched from upstream: 92 MiB of 1 GiB.
  test('a chunk that comes after its request was given up still shows that the peer delivers', () => {
    const run = (isLate: boolean): number => {
      const one = agent()
      one.read(false, 10)
      one.hear(
        { type: 'bitfield', transfer: head.transfer, bits: Bitfield.full(64).toBytes(), claims: [] },
        11
      )
      one.hear({ type: 'digests', digests: digestsOf(head), proof: null }, 12)
      const asked = one.all.find(effect => effect.type === 'fetch-chunk')
      if (asked?.type !== 'fetch-chunk') throw new Error('nothing was asked of the peer')
      let now = 13
      while (now < 10_000 && one.all.every(({ type }) => type !== 'cancel-fetch')) one.until(++now)
      expect(now).toBeLessThan(10_000)
      const before = one.all.length
      const { chunk, fetch, digest } = asked
      const source = { kind: 'peer', peer: 'other' } as const
      if (isLate)
        one.say(
          { type: 'chunk-stored', transfer: head.transfer, chunk, digest, source, kept: true, fetch },
          now
        )
      one.until(now + 1000)
      return one.all.slice(before).filter(({ type }) => type === 'fetch-upstream').length
    }
    expect(run(true)).toBe(0)
    // It is the late chunk that makes the difference.
    expect(run(false)).toBeGreaterThan(0)
  })

  test.each([
    [58, true],
    [57, false]
  ])('with %i of 64 chunks when the last client leaves, the rest is fetched: %s', (stored, isFinished) => {
    const one = agent()
    one.read(false, 10)
    const store = (chunk: number, now: number): void => {
      const digest = new Uint8Array(32).fill(chunk)
      const source = { kind: 'upstream', flow: 1 } as const
      one.say(
        { type: 'chunk-stored', transfer: head.transfer, chunk, digest, source, kept: true, fetch: null },
        now
      )
    }
    for (let chunk = 0; chunk < stored; chunk++) store(chunk, 20)
    one.say({ type: 'range-done', reader: 10 }, 30)
    const stopped = (): boolean =>
      one.all.some(
        ({ type, ...effect }) => type === 'say' && JSON.stringify(effect).includes('not-interested')
      )
    one.until(5000)
    expect(stopped()).toBe(!isFinished)
    for (let chunk = stored; chunk < 64; chunk++) store(chunk, 5000)
    one.until(7000)
    expect(stopped()).toBe(true)
  })

  /** An agent that was stopped before it had signed what it fetched last. */
  function restarted() {
    const core = createAgentCore({ self: 'me', role: 'agent', site: 'lab', policy, seed: 1, bans: [] })
    const signed = digestsOf(head).entries.slice(0, 60)
    const unsigned = digestsOf(head).entries.slice(60)
    const all: AgentEffect[] = []
    const say = (event: AgentEvent, now: number) => void all.push(...core.step(event, now))
    const digests = [{ ...digestsOf(head), entries: signed }]
    say(
      {
        type: 'transfer-loaded',
        head,
        have: Bitfield.full(64),
        digests,
        unsigned,
        lastUsedAt: 0,
        pinned: false
      },
      0
    )
    say({ type: 'peer-joined', peer: 'other', site: 'lab', role: 'agent' }, 1)
    const bits = () => {
      say({ type: 'peer-said', peer: 'other', message: interested(false) }, 2)
      const told = all.findLast(effect => effect.type === 'say' && effect.message.type === 'bitfield')
      if (told?.type !== 'say' || told.message.type !== 'bitfield') throw new Error('no bitfield')
      return Bitfield.fromBytes(told.message.bits, 64)!.count
    }
    return { core, all, say, bits, unsigned }
  }

  test('what has no signed digest is not announced: nobody could check it', () => {
    expect(restarted().bits()).toBe(60)
  })

  test('what an earlier life fetched and did not sign is signed, and then told', () => {
    const { core, all, say, bits, unsigned } = restarted()
    bits()
    for (let at = core.wakeAt(); at !== null && at <= 1000; at = core.wakeAt()) say({ type: 'woke' }, at)
    expect(all).toContainEqual({
      type: 'sign-digests',
      transfer: head.transfer,
      entries: unsigned,
      notBefore: head.signed.issuedAt
    })
    say({ type: 'digests-signed', digests: { ...digestsOf(head), entries: unsigned } }, 1000)
    const told = all.flatMap(effect =>
      effect.type === 'say' && effect.message.type === 'have' ? effect.message.chunks : []
    )
    expect(told).toEqual([60, 61, 62, 63])
  })

  test('a chunk whose digest nobody gives is as good as not there', () => {
    const one = agent()
    one.hear(interested(false), 5)
    one.read(false, 10)
    one.hear({ type: 'bitfield', transfer: head.transfer, bits: Bitfield.full(64).toBytes(), claims: [] }, 11)
    one.until(10_000)
    // Whole extents, and not one chunk after the other each time a client has waited long enough.
    const lengths = one.all.flatMap(effect =>
      effect.type === 'fetch-upstream' ? [effect.endChunk - effect.firstChunk] : []
    )
    expect(Math.max(...lengths)).toBe(4)
  })
})
