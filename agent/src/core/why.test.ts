import { Bitfield } from '@starling/shared/bitfield.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { transferIdOf, keyHashOf, type SignedHead } from '@starling/shared/manifest.ts'
import { corePolicyDefaults } from '@starling/shared/policy/effective.ts'
import { MiB } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import { describe, expect, it } from 'vitest'
import { createAgentCore, type AgentCoreMachine } from './agent.ts'
import type { AgentEffect, AgentEvent, CorePolicy } from './events.ts'

const url = 'http://origin.example/update.msu'
const chunks = 16

function headOf(): SignedHead {
  const head = {
    key: 'origin.example/update.msu',
    length: chunks * MiB,
    validator: '"1"',
    chunkBytes: MiB,
    contentClass: 'generic-download',
    headers: [],
    promised: null
  }
  const signed = { issuer: 'one', issuedAt: 0, expiresAt: 1e12, serial: 1, bytes: new Uint8Array(64) }
  return { transfer: transferIdOf(head), head, signed }
}
const head = headOf()
const { transfer } = head
const entries = Array.from({ length: chunks }, (_, chunk) => [chunk, new Uint8Array(32).fill(chunk)] as const)

interface Scene {
  readonly core: AgentCoreMachine
  joins(peer: AgentId, role?: 'agent' | 'gateway', site?: string): void
  has(peer: AgentId, ...which: number[]): void
  /** A client reads all of it. */
  reads(background?: boolean): AgentEffect[]
  codes(at?: number): string[]
  peer(peer: AgentId, at?: number): string[]
}

/** An agent that knows the head, and its digests, at time 1000. */
function scene(given: Partial<CorePolicy> = {}): Scene {
  const policy = { ...corePolicyDefaults, maxBackgroundQueueDelayMs: 0, ...given }
  const core = createAgentCore({ self: 'me', role: 'agent', site: 'lab', policy, seed: 1, bans: [] })
  const key = keyHashOf(head.head.key)
  core.step({ type: 'content-wanted', wish: 1, key, url, rangeFirst: true }, 1000)
  core.step({ type: 'resolved', key, head, flow: null }, 1000)
  core.step({ type: 'digests-signed', digests: { transfer, entries, signed: head.signed } }, 1000)
  return {
    core,
    joins(peer, role = 'agent', site = 'lab') {
      core.step({ type: 'peer-joined', peer, site, role }, 1000)
    },
    has(peer, ...which) {
      const bits = new Bitfield(chunks)
      for (const chunk of which) bits.set(chunk)
      const message = { type: 'bitfield', transfer, bits: bits.toBytes(), claims: [] } as const
      core.step({ type: 'peer-said', peer, message }, 1000)
    },
    reads: (background = false) =>
      core.step({ type: 'range-wanted', reader: 1, transfer, start: 0, end: chunks * MiB, background }, 1000),
    codes: (at = 1000) => core.lookAt(transfer, at)!.reasons.map(({ code }) => code),
    peer: (peer, at = 1000) =>
      core
        .lookAt(transfer, at)!
        .peers.find(one => one.peer === peer)!
        .reasons.map(({ code }) => code)
  }
}

describe('why', () => {
  it('nothing happens: nobody wants it', () => {
    expect(scene().codes()).toEqual(['not-wanted'])
  })

  it('comes from the origin: there are no peers, and this agent claims', () => {
    const one = scene()
    one.reads()
    expect(one.codes()).toEqual(expect.arrayContaining(['from-origin', 'no-peers', 'site-flows-used']))
    const look = one.core.lookAt(transfer, 1500)!
    expect(look.claims[0]).toMatchObject({ extent: 0, firstChunk: 0, endChunk: 4, own: true, sinceMs: 500 })
    expect(look).toMatchObject({ missingChunks: chunks, keptChunks: 0, background: false })
  })

  it('comes from a peer, and another is not asked', () => {
    const one = scene()
    one.joins('full')
    one.joins('empty')
    one.joins('mute')
    one.reads()
    one.has('full', ...entries.map(([chunk]) => chunk))
    one.has('empty')
    expect(one.codes()).toContain('from-peers')
    expect(one.peer('full')[0]).toBe('asked')
    expect(one.peer('empty')).toEqual(['has-nothing-needed'])
    expect(one.peer('mute')).toEqual(['does-not-know-it'])
    expect(one.core.moving(transfer).every(({ from }) => from === 'full')).toBe(true)
    expect(one.core.moving(transfer).length).toBeGreaterThan(0)
  })

  it('nothing comes from peers: they have nothing', () => {
    const one = scene()
    one.joins('empty')
    one.reads()
    one.has('empty')
    expect(one.codes()).toContain('peers-have-nothing')
  })

  it('a busy peer rests, a failing one is not believed, a lying one is told apart', () => {
    const one = scene()
    one.joins('peer')
    one.reads()
    const has = { type: 'have', transfer, chunks: entries.map(([chunk]) => chunk) } as const
    const fetches = one.core
      .step({ type: 'peer-said', peer: 'peer', message: has }, 1000)
      .filter(effect => effect.type === 'fetch-chunk')
    const fail = (at: number, reason: 'busy' | 'broken' | 'corrupt'): void => {
      const { fetch } = fetches[at]!
      one.core.step({ type: 'fetch-failed', fetch, reason, retryAfterMs: 500 }, 1000)
    }
    fail(0, 'busy')
    expect(one.peer('peer')).toContain('busy')
    fetches.push(...one.core.step({ type: 'woke' }, 1500).filter(effect => effect.type === 'fetch-chunk'))
    fail(1, 'broken')
    expect(one.peer('peer')).toContain('failing')
    fail(2, 'corrupt')
    expect(one.peer('peer')).toContain('sent-corrupt')
    // What is over is not told as a rest of 0 ms, nor as 0 failures.
    expect(one.peer('peer', 1000 + 3_500_000)).toContain('sent-corrupt-before')
    expect(one.peer('peer', 1000 + 3_600_001)).toContain('unproven')
  })

  it('the origin is not asked: a gateway is waited for, or policy forbids the WAN', () => {
    const one = scene()
    one.joins('gate', 'gateway')
    one.reads()
    expect(one.codes()).toContain('waits-for-gateway')
    const forbidden = scene({ upstreamWeight: 0 })
    forbidden.reads()
    expect(forbidden.codes()).toEqual(expect.arrayContaining(['wan-forbidden', 'gives-nothing']))
  })

  it('others fetch it: who, what, and since when nothing of it came', () => {
    const one = scene()
    one.joins('other')
    one.reads()
    one.has('other')
    const claim = { extent: 2, claimant: 'other', sequence: 1, bytesDone: 0 }
    one.core.step({ type: 'peer-said', peer: 'other', message: { type: 'claim', transfer, claim } }, 1000)
    expect(one.codes()).toContain('others-fetch')
    expect(one.core.lookAt(transfer, 1700)!.claims).toContainEqual({
      extent: 2,
      firstChunk: 8,
      endChunk: 12,
      claimant: 'other',
      own: false,
      bytesDone: 0,
      sinceMs: 700,
      silentMs: 700
    })
  })

  it('policy limits it: rates and the delay before HTTP, by their names', () => {
    const one = scene({
      maxForegroundDownloadBytesPerSecond: 1000,
      delayForegroundDownloadFromHttpMs: 60_000,
      upstreamWeight: 0
    })
    one.reads()
    const { reasons } = one.core.lookAt(transfer, 3000)!
    expect(reasons).toContainEqual({ code: 'foreground-rate', params: { bytesPerSecond: 1000 } })
    expect(reasons).toContainEqual({
      code: 'http-delayed',
      params: { policy: 'DODelayForegroundDownloadFromHttp', ms: 60_000, waitedMs: 2000 }
    })
  })
})

it('a peer is looked at over all transfers', () => {
  const one = scene()
  one.joins('peer')
  one.reads()
  one.has('peer', 0, 1)
  expect(one.core.lookAtPeers(1000)).toMatchObject([
    { peer: 'peer', otherSite: false, isTroubled: false, transfers: [{ transfer, has: 2, of: chunks }] }
  ])
})

it('what nobody is after is told as a number of copies, by those that have told what they have', () => {
  const one = scene()
  for (const peer of ['all', 'some', 'silent']) one.joins(peer)
  one.has('all', ...entries.map(([chunk]) => chunk))
  one.has('some', 0)
  expect(one.core.lookAtPeers(1000).map(({ transfers }) => transfers)).toEqual([[], [], []])
  expect([...one.core.lookAtCopies()]).toEqual([[transfer, { whole: 1, told: 2 }]])
  one.core.step({ type: 'peer-left', peer: 'all' }, 1000)
  expect([...one.core.lookAtCopies()]).toEqual([[transfer, { whole: 0, told: 1 }]])
})

it('looking changes nothing: who is watched decides as who is not', () => {
  const run = (watched: boolean): Array<AgentEffect | number | null> => {
    const one = scene()
    const all: Array<AgentEffect | number | null> = []
    const open: number[] = []
    const step = (event: AgentEvent, at: number): void => {
      if (watched) {
        one.core.lookAt(transfer, at)
        one.core.lookAtPeers(at)
        one.core.lookAtCopies()
        one.core.moving(transfer)
      }
      const effects = one.core.step(event, at)
      for (const effect of effects) if (effect.type === 'fetch-chunk') open.push(effect.fetch)
      all.push(...effects, one.core.wakeAt())
    }
    const peers = ['a', 'b', 'c', 'd']
    for (const peer of peers) one.joins(peer)
    all.push(...one.reads())
    const said = (peer: string, message: SwarmMessage, at: number): void => {
      step({ type: 'peer-said', peer, message }, at)
    }
    for (let at = 1000; at < 12_000; at += 250) {
      const claim = { extent: 3, claimant: 'a', sequence: at, bytesDone: (at - 1000) * 100 }
      said('a', { type: 'claim', transfer, claim }, at)
      // All have the same, so that a die says who is asked; and nobody delivers, so that this goes on.
      for (const peer of peers) said(peer, { type: 'have', transfer, chunks: [at % 12, (at / 250) % 12] }, at)
      const fetch = open.shift()
      if (fetch !== undefined) step({ type: 'fetch-failed', fetch, reason: 'busy', retryAfterMs: 40 }, at + 5)
      step({ type: 'woke' }, at + 100)
    }
    return all
  }
  const alone = run(false)
  expect(
    alone.filter(effect => typeof effect === 'object' && effect?.type === 'fetch-chunk').length
  ).toBeGreaterThan(20)
  expect(run(true)).toEqual(alone)
})
