import { describe, expect, it } from 'vitest'
import { GiB, MiB, hourMs, minuteMs } from '../units.ts'
import { policyDefaults, policyRules, policySchema } from './policy.ts'
import { booleanFromText, bytesFromText, millisFromText } from './quantities.ts'

describe('quantities', () => {
  it('reads sizes as people write them', () => {
    expect(bytesFromText('10GiB')).toBe(10 * GiB)
    expect(bytesFromText(' 1.5 MiB ')).toBe(1.5 * MiB)
    expect(bytesFromText('500mb')).toBe(500_000_000)
    expect(bytesFromText('4096')).toBe(4096)
  })

  it.each(['', 'GiB', '-1GiB', '10 G', '1e9', '10GiB!', '99999999999TiB'])(
    'does not guess at the size %j',
    text => {
      expect(bytesFromText(text)).toBeNull()
    }
  )

  it('reads times as people write them', () => {
    expect(millisFromText('30s')).toBe(30_000)
    expect(millisFromText('1h30m')).toBe(hourMs + 30 * minuteMs)
    expect(millisFromText('250 ms')).toBe(250)
    expect(millisFromText('0.5s')).toBe(500)
    expect(millisFromText('250')).toBe(250)
  })

  it.each(['', 's', '-1s', '3 weeks', '1h30'])('does not guess at the time %j', text => {
    expect(millisFromText(text)).toBeNull()
  })

  it('reads on and off in the usual words', () => {
    expect(['on', 'yes', 'TRUE', '1'].map(booleanFromText)).toEqual([true, true, true, true])
    expect(['off', 'no', 'False', '0'].map(booleanFromText)).toEqual([false, false, false, false])
    expect(booleanFromText('maybe')).toBeNull()
  })
})

describe('policy', () => {
  it('has a default, words and a reason for every rule', () => {
    const rules = policyRules()
    expect(rules.map(rule => rule.name)).toEqual(Object.keys(policyDefaults))
    for (const rule of rules) {
      expect(rule.what.length, rule.name).toBeGreaterThan(20)
      expect(rule.why.length, rule.name).toBeGreaterThan(20)
      expect(policyDefaults[rule.name as keyof typeof policyDefaults]).toBe(rule.byDefault)
    }
  })

  it('keeps the relations that the reasons speak of', () => {
    expect(policyDefaults.upstreamSlots).toBeLessThan(policyDefaults.siteUpstreamSlots)
    expect(policyDefaults.downloadSlots).toBe(2 * policyDefaults.uploadSlots)
  })

  it('takes numbers and texts alike', () => {
    const policy = policySchema.parse({ uploadSlots: '3', delayForegroundDownloadFromHttpMs: '1.5s' })
    expect(policy).toEqual({ ...policyDefaults, uploadSlots: 3, delayForegroundDownloadFromHttpMs: 1500 })
  })

  it('refuses unknown rules and values out of range', () => {
    expect(policySchema.safeParse({ uploadSlot: 3 }).success).toBe(false)
    expect(policySchema.safeParse({ uploadSlots: 257 }).success).toBe(false)
    expect(policySchema.safeParse({ uploadSlots: 1.5 }).success).toBe(false)
    expect(policySchema.safeParse({ uploadSlots: 'many' }).success).toBe(false)
  })
})
