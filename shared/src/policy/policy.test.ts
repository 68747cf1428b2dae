import { describe, expect, it } from 'vitest'
import { GiB, MiB, hourMs, minuteMs } from '../units.ts'
import { hoursFromText, isWithin } from './hours.ts'
import { policyDefaults, policyDocumentSchema, policyField, policyFields, policySchema } from './policy.ts'
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
  it('has a default, words and a reason for every name', () => {
    expect(policyFields.map(({ name }) => name)).toEqual(Object.keys(policyDefaults))
    for (const { name, what, why, byDefault, form } of policyFields) {
      expect(what.length, name).toBeGreaterThan(20)
      expect(why.length, name).toBeGreaterThan(5)
      expect(form.length, name).toBeGreaterThan(5)
      expect(policyDefaults[name]).toEqual(byDefault)
    }
  })

  it('keeps the relations that the reasons speak of', () => {
    expect(policyDefaults.upstreamSlots).toBeLessThan(policyDefaults.siteUpstreamSlots)
    expect(policyDefaults.downloadSlots).toBe(2 * policyDefaults.uploadSlots)
  })

  it('takes numbers and texts alike, and says nothing of what it was not told', () => {
    const given = {
      uploadSlots: '3',
      maxBackgroundQueueDelayMs: '0.1s',
      DOAllowVPNPeerCaching: true,
      DODownloadMode: '99',
      DOVpnKeywords: 'Tunnel, Globex',
      cacheQuotaBytes: '1GiB'
    }
    expect(policyDocumentSchema.parse(given)).toEqual({
      uploadSlots: 3,
      maxBackgroundQueueDelayMs: 100,
      DOAllowVPNPeerCaching: 1,
      DODownloadMode: 99,
      DOVpnKeywords: ['Tunnel', 'Globex'],
      cacheQuotaBytes: GiB
    })
  })

  it('has what policy and the configuration both say in one place each', () => {
    expect(policyField('cacheQuotaBytes')?.configKey).toBe('cache.quotaBytes')
    expect(policyField('DOMaxCacheAge')?.configKey).toBe('policy.DOMaxCacheAge')
    expect('cacheQuotaBytes' in policySchema.shape).toBe(false)
  })

  it.each([
    ['DODownloadMode', 4],
    ['DODownloadMode', null],
    ['DOGroupId', 'north'],
    ['DOMinRAMAllowedToPeer', 0],
    ['DOMaxCacheSize', 101],
    ['DOMaxCacheAge', -1],
    ['DOMaxCacheAge', '3 d'],
    ['DOAllowVPNPeerCaching', 2],
    ['DOSetHoursToLimitBackgroundDownloadBandwidthFrom', 24],
    ['DODelayCacheServerFallbackForeground', 2_592_001],
    ['DOCacheHost', ['http://cache.example']],
    ['DOCacheHost', ['cache.example:8080']],
    ['siteDefinitions', [{ id: 'north' }]],
    ['siteDefinitions', [{ id: 'north', networks: ['10.1.0.0/33'] }]]
  ])('refuses %s = %j', (name, value) => {
    expect(policyDocumentSchema.safeParse({ [name]: value }).success).toBe(false)
  })

  it('refuses unknown rules and values out of range', () => {
    expect(policySchema.safeParse({ uploadSlot: 3 }).success).toBe(false)
    expect(policySchema.safeParse({ uploadSlots: 257 }).success).toBe(false)
    expect(policySchema.safeParse({ uploadSlots: 1.5 }).success).toBe(false)
    expect(policySchema.safeParse({ uploadSlots: 'many' }).success).toBe(false)
    expect(policySchema.safeParse({ hoursToLimitBackgroundDownload: 'mon-fri 8-18' }).success).toBe(false)
  })

  it('takes rates and hours as people write them', () => {
    const policy = policySchema.parse({
      maxLanUploadBytesPerSecond: '2MB',
      hoursToLimitBackgroundDownload: 'mon-fri 8-18 500KB, daily 0-24 0'
    })
    expect(policy.maxLanUploadBytesPerSecond).toBe(2_000_000)
    expect(policy.hoursToLimitBackgroundDownload).toEqual(['mon-fri 8-18 500KB', 'daily 0-24 0'])
  })
})

describe('hours', () => {
  const [sunday, monday, friday, saturday] = [0, 1, 5, 6]
  const holdsAt = (text: string, day: number, clock: number) =>
    isWithin(hoursFromText(text)!, { day, minute: clock * 60 })

  it('hold on their days, up to their end', () => {
    const text = 'mon-fri 8-18 500KB'
    expect(hoursFromText(text)!.bytesPerSecond).toBe(500_000)
    expect(holdsAt(text, monday, 8)).toBe(true)
    expect(holdsAt(text, friday, 17.99)).toBe(true)
    expect(holdsAt(text, monday, 18)).toBe(false)
    expect(holdsAt(text, monday, 7.99)).toBe(false)
    expect(holdsAt(text, saturday, 12)).toBe(false)
  })

  it('that go over midnight end on the next day, also where the week turns', () => {
    const text = 'sat 22:30-6 0'
    expect(holdsAt(text, saturday, 22.5)).toBe(true)
    expect(holdsAt(text, saturday, 3)).toBe(false)
    expect(holdsAt(text, sunday, 5.9)).toBe(true)
    expect(holdsAt(text, sunday, 6)).toBe(false)
  })

  it('over a weekend name its days in order', () => {
    expect([0, 1, 2, 3, 4, 5, 6].filter(day => holdsAt('fri-mon 0-24 1MB', day, 12))).toEqual([0, 1, 5, 6])
    expect([0, 1, 2, 3, 4, 5, 6].every(day => holdsAt('daily 0-24 1MB', day, 23.9))).toBe(true)
  })

  it.each([
    '',
    '8-18 500KB',
    'mon 8-18',
    'mon 8-25 1MB',
    'mon 8:60-9 1MB',
    'noday 8-18 1MB',
    'mon 8-18 fast'
  ])('are not guessed at from %j', text => {
    expect(hoursFromText(text)).toBeNull()
  })
})
