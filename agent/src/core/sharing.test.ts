import { Bitfield } from '@starling/shared/bitfield.ts'
import { transferIdOf, type Head, type SignedHead } from '@starling/shared/manifest.ts'
import { keyHashOf } from '@starling/shared/manifest.ts'
import { corePolicyDefaults } from '@starling/shared/policy/effective.ts'
import { MiB } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import { describe, expect, it } from 'vitest'
import { createAgentCore } from './agent.ts'
import type { AgentEffect, AgentEvent } from './events.ts'
import { givesTo, isPeer, shareWithSite, type Nearness, type Sharing } from './sharing.ts'

const everywhere: Nearness = { sameGroup: true, sameSubnet: true, sameLink: true }
const nowhere: Nearness = { sameGroup: false, sameSubnet: false, sameLink: false }

describe('a peer', () => {
  const agent = { role: 'agent' } as const
  const isOne = (sharing: Partial<Sharing>, near: Partial<Nearness>) =>
    isPeer({ ...shareWithSite, ...sharing }, 'agent', agent, { ...nowhere, ...near })

  it('is whoever policy shares with', () => {
    expect(isOne({ scope: 'nobody' }, everywhere)).toBe(false)
    expect(isOne({ scope: 'site' }, {})).toBe(true)
    expect(isOne({ scope: 'group' }, {})).toBe(false)
    expect(isOne({ scope: 'group' }, { sameGroup: true })).toBe(true)
  })

  it('is in our subnet, or heard by multicast, where policy asks for that', () => {
    expect(isOne({ within: 'subnet' }, { sameLink: true })).toBe(false)
    expect(isOne({ within: 'subnet' }, { sameSubnet: true })).toBe(true)
    expect(isOne({ within: 'link' }, { sameSubnet: true })).toBe(false)
    expect(isOne({ within: 'link' }, { sameLink: true })).toBe(true)
    expect(isOne({ scope: 'group', within: 'subnet' }, { sameSubnet: true })).toBe(false)
  })

  it('is a gateway in any case, and for a gateway whoever may speak with it', () => {
    const alone: Sharing = { ...shareWithSite, scope: 'nobody', within: 'link' }
    expect(isPeer(alone, 'agent', { role: 'gateway' }, nowhere)).toBe(true)
    expect(isPeer(alone, 'gateway', agent, nowhere)).toBe(true)
  })

  it('of another site gets something while the cap is not reached, and from a gateway always', () => {
    const capped: Sharing = { ...shareWithSite, givesToOtherSites: false }
    expect(givesTo(capped, 'agent', false)).toBe(true)
    expect(givesTo(capped, 'agent', true)).toBe(false)
    expect(givesTo(capped, 'gateway', true)).toBe(true)
    expect(givesTo({ ...shareWithSite, gives: false }, 'gateway', false)).toBe(false)
  })
})

const url = 'http://origin.example/app.msi'

function headOf(changes: Partial<Head> = {}): SignedHead {
  const head = {
    key: 'origin.example/app.msi',
    length: 8 * MiB,
    validator: '"1"',
    chunkBytes: MiB,
    contentClass: 'generic-download',
    headers: [],
    promised: null,
    ...changes
  }
  const signed = { issuer: 'one', issuedAt: 10, expiresAt: 1e12, serial: 10, bytes: new Uint8Array(64) }
  return { transfer: transferIdOf(head), head, signed }
}

/** An agent that has all of one content. */
function agentThatHas(head: SignedHead) {
  const core = createAgentCore({
    self: 'me',
    role: 'agent',
    site: 'lab',
    policy: corePolicyDefaults,
    seed: 1,
    bans: []
  })
  const emit = (event: AgentEvent): AgentEffect[] => core.step(event, 1000)
  const signed = { ...head.signed }
  emit({
    type: 'transfer-loaded',
    head,
    have: Bitfield.full(8),
    digests: [
      {
        transfer: head.transfer,
        entries: Array.from({ length: 8 }, (_, chunk) => [chunk, new Uint8Array(32)] as const),
        signed
      }
    ],
    unsigned: [],
    lastUsedAt: 0,
    pinned: false
  })
  return {
    emit,
    core,
    join: (peer: string, more: Partial<AgentEvent & { type: 'peer-joined' }> = {}) =>
      emit({ type: 'peer-joined', peer, site: 'lab', role: 'agent', ...more }),
    share: (sharing: Partial<Sharing>) =>
      emit({ type: 'sharing-changed', sharing: { ...shareWithSite, ...sharing } }),
    hear: (message: SwarmMessage, peer = 'one') => emit({ type: 'peer-said', peer, message }),
    interested: (peer = 'one') =>
      emit({
        type: 'peer-said',
        peer,
        message: {
          type: 'interested',
          transfer: head.transfer,
          weight: 500,
          background: false,
          wants: [[0, 8]]
        }
      }),
    ask: (peer = 'one') => emit({ type: 'chunk-asked', upload: 1, peer, transfer: head.transfer, chunk: 0 })
  }
}
const bitsTold = (effects: readonly AgentEffect[]) =>
  effects.flatMap(effect =>
    effect.type === 'say' && effect.message.type === 'bitfield'
      ? [Bitfield.fromBytes(effect.message.bits, 8)!.count]
      : []
  )
const hungUp = (effects: readonly AgentEffect[]) =>
  effects.flatMap(effect => (effect.type === 'hang-up' ? [effect.peer] : []))

describe('an agent that may not give', () => {
  it('looks as if it had nothing, and gives nothing', () => {
    const one = agentThatHas(headOf())
    one.share({ gives: false })
    one.join('one')
    expect(bitsTold(one.interested())).toEqual([0])
    expect(one.ask()).toMatchObject([{ type: 'refuse', reason: 'gone' }])
  })

  it('tells what it has when it may again', () => {
    const one = agentThatHas(headOf())
    one.share({ gives: false })
    one.join('one')
    one.interested()
    expect(bitsTold(one.share({}))).toEqual([8])
    expect(one.ask()).toMatchObject([{ type: 'serve' }])
  })

  it('does not offer to fetch for its site, and tells nobody of what it fetches', () => {
    const one = agentThatHas(headOf())
    const other = headOf({ key: 'origin.example/new.msi' })
    one.share({ gives: false })
    one.join('one')
    one.emit({
      type: 'content-wanted',
      wish: 1,
      key: keyHashOf('origin.example/new.msi'),
      url,
      rangeFirst: true
    })
    const effects = [
      ...one.hear({ type: 'head', head: other }),
      ...one.emit({
        type: 'range-wanted',
        reader: 1,
        transfer: other.transfer,
        start: 0,
        end: 8 * MiB,
        background: false
      }),
      ...one.hear({ type: 'bitfield', transfer: other.transfer, bits: new Bitfield(8).toBytes(), claims: [] })
    ]
    for (let at = one.core.wakeAt(); at !== null && at < 4000; at = one.core.wakeAt())
      effects.push(...one.core.step({ type: 'woke' }, at))
    const said = effects.flatMap(effect => (effect.type === 'say' ? [effect.message] : []))
    expect(said.filter(({ type }) => type === 'interested')).toMatchObject([{ weight: 0 }])
    expect(effects.some(({ type }) => type === 'fetch-upstream')).toBe(true)
    expect(said.filter(({ type }) => type === 'claim' || type === 'have')).toEqual([])
  })
})

describe('an agent whose policy changes', () => {
  it('ends with whom it does not share with any more, and does not begin with others', () => {
    const one = agentThatHas(headOf())
    one.join('near', { near: everywhere })
    one.join('away', { near: { ...nowhere, sameGroup: true } })
    one.join('gateway', { role: 'gateway', near: nowhere })
    expect(hungUp(one.share({ within: 'subnet' }))).toEqual(['away'])
    expect(hungUp(one.share({ scope: 'nobody' }))).toEqual(expect.arrayContaining(['near']))
    expect(hungUp(one.join('new', { near: everywhere }))).toEqual(['new'])
  })

  it('counts its group as its site, wherever the others are, and no one else', () => {
    const one = agentThatHas(headOf())
    one.share({ scope: 'group' })
    one.join('mate', { site: 'elsewhere', near: { ...nowhere, sameGroup: true } })
    expect(hungUp(one.join('stranger', { near: { ...everywhere, sameGroup: false } }))).toEqual(['stranger'])
    // A claim of another site would not be heard; one of the group is.
    expect(bitsTold(one.interested('mate'))).toEqual([8])
    expect(one.ask('mate')).toMatchObject([{ type: 'serve' }])
    one.share({ scope: 'group', givesToOtherSites: false })
    expect(one.ask('mate')).toMatchObject([{ type: 'refuse', reason: 'gone' }])
  })

  it('does not share what policy has as too small', () => {
    const one = agentThatHas(headOf())
    one.share({ contentBytesMin: 50 * MiB })
    one.join('one')
    const small = headOf({ key: 'origin.example/small.msi', length: 49 * MiB })
    one.emit({ type: 'content-wanted', wish: 7, key: keyHashOf(small.head.key), url, rangeFirst: true })
    expect(one.hear({ type: 'head', head: small })).toMatchObject([{ type: 'pass-wish', wish: 7 }])
  })
})
