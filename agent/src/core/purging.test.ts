import { Bitfield } from '@starling/shared/bitfield.ts'
import type { Proof } from '@starling/shared/credential.ts'
import { keyHashOf, transferIdOf, type Head, type SignedHead } from '@starling/shared/manifest.ts'
import { corePolicyDefaults } from '@starling/shared/policy/effective.ts'
import {
  purgeLifeMs,
  purgesPerIssuerMax,
  purgesToldMax,
  purgeWindowMs,
  type KeptPurge,
  type PurgeTarget
} from '@starling/shared/purge.ts'
import { dayMs, MiB } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import { describe, expect, it } from 'vitest'
import { createAgentCore } from './agent.ts'
import type { AgentEffect, AgentEvent } from './events.ts'

const url = 'http://origin.example/app.msi'
const key = keyHashOf('origin.example/app.msi')
const ofKey: PurgeTarget = { kind: 'key', key }

function headOf(validator: string, issuedAt: number, changes: Partial<Head> = {}): SignedHead {
  const head = {
    key: 'origin.example/app.msi',
    length: 8 * MiB,
    validator,
    chunkBytes: MiB,
    contentClass: 'generic-download',
    headers: [],
    promised: null,
    ...changes
  }
  const signed = { issuer: 'one', issuedAt, expiresAt: 1e12, serial: issuedAt, bytes: new Uint8Array(64) }
  return { transfer: transferIdOf(head), head, signed }
}

function said(target: PurgeTarget, at: number, issuer = 'one'): SwarmMessage & { type: 'purge' } {
  const signed = { issuer, issuedAt: at, expiresAt: at + purgeLifeMs, serial: at, bytes: new Uint8Array(64) }
  return {
    type: 'purge',
    purge: { target, signed },
    proof: { kind: 'secret', site: 'lab', mac: new Uint8Array(32) }
  }
}

function kept({ purge, proof }: SwarmMessage & { type: 'purge' }): KeptPurge {
  return { target: purge.target, purgedAt: purge.signed.issuedAt, word: { signed: purge.signed, proof } }
}

/** An agent with peers, at moment 1000. */
function agent(...peers: string[]) {
  const core = createAgentCore({
    self: 'me',
    role: 'agent',
    site: 'lab',
    policy: corePolicyDefaults,
    seed: 1,
    bans: []
  })
  let now = 1000
  const all: AgentEffect[] = []
  const one = {
    all,
    at(moment: number) {
      now = moment
      return one
    },
    emit(event: AgentEvent): AgentEffect[] {
      const effects = core.step(event, now)
      all.push(...effects)
      return effects
    },
    hear: (message: SwarmMessage, peer = 'one') => one.emit({ type: 'peer-said', peer, message }),
    load: (head: SignedHead) =>
      one.emit({
        type: 'transfer-loaded',
        head,
        have: Bitfield.full(8),
        digests: [],
        unsigned: [],
        lastUsedAt: 0,
        pinned: true
      }),
    want: (wish: number) => one.emit({ type: 'content-wanted', wish, key, url, rangeFirst: true }),
    until(end: number): AgentEffect[] {
      const before = all.length
      for (let at = core.wakeAt(); at !== null && at <= end; at = core.wakeAt()) {
        now = Math.max(now, at)
        one.emit({ type: 'woke' })
      }
      now = end
      return all.slice(before)
    }
  }
  for (const peer of peers) one.emit({ type: 'peer-joined', peer, site: 'lab', role: 'agent' })
  return one
}

const forgotten = (effects: readonly AgentEffect[]) =>
  effects.flatMap(effect => (effect.type === 'forget-transfer' ? [effect.transfer] : []))
const passedOn = (effects: readonly AgentEffect[]) =>
  effects.flatMap(effect => (effect.type === 'say' && effect.message.type === 'purge' ? effect.to : []))
const answers = (effects: readonly AgentEffect[]) =>
  effects.flatMap(effect => (effect.type === 'answer-wish' ? [effect.transfer] : []))
const resolves = (effects: readonly AgentEffect[]) =>
  effects.flatMap(effect => (effect.type === 'resolve' ? [effect.flow] : []))

describe('a purge', () => {
  it('of a key ends all versions signed by then, pinned and read ones too, and nothing else', () => {
    const one = agent()
    const [old, newer, latest] = [headOf('"1"', 10), headOf('"2"', 20), headOf('"3"', 21)]
    const other = headOf('"1"', 10, { key: 'origin.example/other.msi' })
    for (const head of [old, newer, latest, other]) one.load(head)
    one.emit({
      type: 'range-wanted',
      reader: 1,
      transfer: old.transfer,
      start: 0,
      end: MiB,
      background: false
    })
    const effects = one.emit({ type: 'purged', purge: { target: ofKey, purgedAt: 20, word: null } })
    expect(forgotten(effects)).toEqual([old.transfer, newer.transfer])
    // What was signed later still answers.
    expect(answers(one.want(1))).toEqual([latest.transfer])
    const asked = one.emit({ type: 'chunk-asked', upload: 1, peer: 'x', transfer: old.transfer, chunk: 0 })
    expect(asked).toMatchObject([{ type: 'refuse', reason: 'gone' }])
  })

  it('of a class ends all that is of this class', () => {
    const one = agent()
    const mine = headOf('"1"', 10)
    one.load(mine)
    one.load(headOf('"1"', 10, { key: 'origin.example/update.cab', contentClass: 'windows-update' }))
    const target = { kind: 'class', id: 'generic-download' } as const
    expect(forgotten(one.emit({ type: 'purged', purge: { target, purgedAt: 20, word: null } }))).toEqual([
      mine.transfer
    ])
  })

  it('that a peer says is passed on once, to those who cannot have it from there', () => {
    const one = agent('one', 'two', 'three')
    const message = said(ofKey, 900)
    expect(passedOn(one.hear(message, 'two'))).toEqual(['three'])
    expect(one.hear(message, 'three')).toEqual([])
    expect(one.hear(said(ofKey, 800), 'three')).toEqual([])
    expect(passedOn(one.hear(said(ofKey, 901), 'three'))).toEqual(['two'])
  })

  it('of a member stays at its site, of a gateway it goes beyond', () => {
    const one = agent('one')
    one.emit({ type: 'peer-joined', peer: 'far', site: 'elsewhere', role: 'agent' })
    expect(passedOn(one.emit({ type: 'purged', purge: kept(said(ofKey, 900, 'me')) }))).toEqual(['one'])
    const message = said({ kind: 'class', id: 'generic' }, 901, 'gateway')
    const proof = { kind: 'credential', credential: { role: 'gateway' } } as Proof
    expect(passedOn(one.hear({ ...message, proof }))).toEqual(['far'])
    const joins = one.emit({ type: 'peer-joined', peer: 'farther', site: 'elsewhere', role: 'agent' })
    expect(joins).toMatchObject([{ type: 'say', message: { purge: { target: { id: 'generic' } } } }])
  })

  it('without a word for the site is this agent’s alone', () => {
    const one = agent('one')
    const effects = one.emit({ type: 'purged', purge: { target: ofKey, purgedAt: 900, word: null } })
    expect(passedOn(effects)).toEqual([])
    expect(effects).toContainEqual(expect.objectContaining({ type: 'purge-in-force' }))
  })

  it('is the first thing that a peer hears that joins later, the newest if there are many', () => {
    const one = agent()
    for (let at = 1; at <= purgesToldMax + 5; at++) {
      one.emit({ type: 'purged', purge: kept(said({ kind: 'class', id: `c${at}` }, at, 'me')) })
    }
    const effects = one.emit({ type: 'peer-joined', peer: 'late', site: 'lab', role: 'agent' })
    const told = effects.map(
      effect => effect.type === 'say' && effect.message.type === 'purge' && effect.message
    )
    expect(told).toHaveLength(purgesToldMax)
    expect(told.at(-1)).toMatchObject({ purge: { target: { id: `c${purgesToldMax + 5}` } } })
  })

  it('holds for what is loaded after it, so that it outlives a restart', () => {
    const one = agent()
    one.emit({ type: 'purged', purge: { target: ofKey, purgedAt: 20, word: null } })
    const old = headOf('"1"', 20)
    expect(forgotten(one.load(old))).toEqual([old.transfer])
    expect(answers(one.want(1))).toEqual([])
    expect(forgotten(one.load(headOf('"1"', 21)))).toEqual([])
  })

  it('that is too old to be kept is not passed on either, or it would go round for ever', () => {
    const one = agent('one', 'two')
    one.at(1000 + purgeLifeMs + dayMs)
    expect(one.hear(said(ofKey, 1000))).toEqual([])
  })

  it('is let go of when nothing from before it can count any more', () => {
    const one = agent()
    one.emit({ type: 'purged', purge: { target: ofKey, purgedAt: 1000, word: null } })
    one.at(1000 + purgeLifeMs + dayMs)
    const effects = one.emit({
      type: 'purged',
      purge: { target: { kind: 'class', id: 'other' }, purgedAt: 1000 + purgeLifeMs, word: null }
    })
    const all = effects.flatMap(effect => (effect.type === 'purge-in-force' ? effect.all : []))
    expect(all.map(({ target }) => target.kind)).toEqual(['class'])
  })
})

describe('after a purge', () => {
  it('an old version is not taken from a peer that has not heard of it: the origin is asked', () => {
    const one = agent('one')
    one.hear(said(ofKey, 900))
    one.want(1)
    const old = headOf('"1"', 900)
    const effects = one.hear({ type: 'head', head: old })
    expect(answers(effects)).toEqual([])
    expect(resolves([...effects, ...one.until(2000)])).toHaveLength(1)
  })

  it('who was to find out and offers an old version is not waited for any longer', () => {
    const one = agent('one')
    one.hear(said(ofKey, 900))
    one.want(1)
    one.hear({ type: 'looking', key, stage: 'resolving', by: 'one' })
    const effects = one.hear({ type: 'head', head: headOf('"1"', 900) })
    expect(resolves([...effects, ...one.until(1500)])).toHaveLength(1)
  })

  it('a version signed later is taken', () => {
    const one = agent('one')
    one.hear(said(ofKey, 900))
    one.want(1)
    const head = headOf('"2"', 901)
    expect(answers(one.hear({ type: 'head', head }))).toEqual([head.transfer])
  })

  it('the same version is taken again, but not with digests from before', () => {
    const one = agent('one')
    one.hear(said(ofKey, 900))
    one.want(1)
    const head = headOf('"1"', 901)
    one.hear({ type: 'head', head })
    const digests = (issuedAt: number): SwarmMessage => ({
      type: 'digests',
      digests: {
        transfer: head.transfer,
        entries: [[0, new Uint8Array(32)]],
        signed: { ...head.signed, issuedAt }
      },
      proof: null
    })
    const keeps = (effects: readonly AgentEffect[]) => effects.some(({ type }) => type === 'keep-digests')
    expect(keeps(one.hear(digests(900)))).toBe(false)
    expect(keeps(one.hear(digests(901)))).toBe(true)
  })

  it('what rests on digests from before goes, also when its head was renewed since', () => {
    const one = agent()
    const head = headOf('"1"', 950)
    const digests = {
      transfer: head.transfer,
      entries: [[0, new Uint8Array(32)]] as const,
      signed: { ...head.signed, issuedAt: 10 }
    }
    one.emit({
      type: 'transfer-loaded',
      head,
      have: Bitfield.full(8),
      digests: [digests],
      unsigned: [],
      lastUsedAt: 0,
      pinned: false
    })
    expect(
      forgotten(one.emit({ type: 'purged', purge: { target: ofKey, purgedAt: 900, word: null } }))
    ).toEqual([head.transfer])
  })

  it.each<[string, PurgeTarget]>([
    ['its key', ofKey],
    ['its class', { kind: 'class', id: 'generic-download' }]
  ])(
    'of %s, an answer to a request that left before it does not count: the origin is asked again',
    (_, target) => {
      const one = agent()
      const first = resolves(one.want(1))
      expect(first).toHaveLength(1)
      one.emit({ type: 'purged', purge: { target, purgedAt: 900, word: null } })
      const flow = { id: first[0]!, firstChunk: 0, endChunk: 4 }
      const effects = one.emit({ type: 'resolved', key, head: headOf('"1"', 1000), flow })
      expect(answers(effects)).toEqual([])
      expect(effects).toContainEqual({ type: 'cancel-flow', flow: first[0], afterChunk: false })
      const [second] = resolves(effects)
      const head = headOf('"2"', 1001)
      const again = one.emit({
        type: 'resolved',
        key,
        head,
        flow: { id: second!, firstChunk: 0, endChunk: 4 }
      })
      expect(answers(again)).toEqual([head.transfer])
    }
  )

  it('what was not to be shared before is asked about again', () => {
    const one = agent()
    one.want(1)
    one.emit({ type: 'not-resolved', key, reason: 'too small', failed: false })
    expect(resolves(one.want(2))).toEqual([])
    one.emit({ type: 'purged', purge: { target: ofKey, purgedAt: 900, word: null } })
    expect(resolves(one.want(3))).toHaveLength(1)
  })
})

describe('purges of one issuer', () => {
  it('beyond so many a minute are dropped and counted, whoever passes them on; those of others are not', () => {
    const one = agent('one', 'two')
    const hear = (at: number, issuer: string, peer: string) =>
      one.hear(said({ kind: 'class', id: `${issuer} ${at}` }, at, issuer), peer)
    const taken = (effects: readonly AgentEffect[]) => effects.some(({ type }) => type === 'purge-in-force')
    for (let at = 0; at < purgesPerIssuerMax; at++) expect(taken(hear(at, 'one', 'one'))).toBe(true)
    const dropped = hear(200, 'one', 'two')
    expect(taken(dropped)).toBe(false)
    expect(dropped).toMatchObject([{ type: 'report', fact: { what: 'purge-dropped', issuer: 'one' } }])
    expect(taken(hear(201, 'two', 'two'))).toBe(true)
    one.at(1000 + purgeWindowMs)
    expect(taken(hear(200, 'one', 'two'))).toBe(true)
  })
})
