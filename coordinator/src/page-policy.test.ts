/** What the page's policy editor works out by itself: whose word counts, and what a typed text becomes. */
import { expect, it } from 'vitest'
import { draftKeeper } from './page/web/policy/kept-draft.ts'
import { closerScopes, effectiveOf, rebased, widerScopes } from './page/web/policy/layers.ts'
import { typedText, typedValue, valueText } from './page/web/policy/values.ts'
import { policyForm } from './policy-form.ts'

it('takes the closest that says something, and the default where nobody does', () => {
  const layers = [
    ['site:berlin', { uploadSlots: 4 }],
    ['fleet', { uploadSlots: 2, downloadSlots: 9 }]
  ] as const
  expect(effectiveOf('uploadSlots', 8, layers)).toEqual({ value: 4, from: 'site:berlin' })
  expect(effectiveOf('downloadSlots', 16, layers)).toEqual({ value: 9, from: 'fleet' })
  expect(effectiveOf('upstreamSlots', 2, layers)).toEqual({ value: 2, from: null })
})

it('takes null for a word, which beats what wider scopes say', () => {
  expect(effectiveOf('DOGroupId', 'x', [['site:berlin', { DOGroupId: null }]])).toEqual({
    value: null,
    from: 'site:berlin'
  })
})

it('knows which scopes hold for all machines of one, and which count more for some of them', () => {
  const device = { site: 'berlin', group: 'pilots' }
  expect(widerScopes('fleet', null)).toEqual([])
  expect(widerScopes('group:pilots', null)).toEqual(['fleet'])
  expect(widerScopes('device:x', device)).toEqual(['group:pilots', 'site:berlin', 'fleet'])
  const all = ['fleet', 'site:berlin', 'site:bonn', 'group:pilots', 'device:x']
  expect(closerScopes('site:berlin', all)).toEqual(['group:pilots', 'device:x'])
  expect(closerScopes('device:x', all)).toEqual([])
})

it('types each default as it reads it, so that looking at a form changes nothing', () => {
  for (const field of policyForm()) {
    const typed = typedValue(field, typedText(field, field.byDefault))
    const shown = typedText(field, typed)
    expect(shown, field.name).toBe(typedText(field, field.byDefault))
  }
})

it('leaves to the coordinator what it cannot read, and unsets what is empty', () => {
  const field = (name: string) => policyForm().find(known => known.name === name)!
  expect(typedValue(field('DOMinRAMAllowedToPeer'), ' 8 ')).toBe(8)
  expect(typedValue(field('DOMinRAMAllowedToPeer'), 'much')).toBe('much')
  expect(typedValue(field('siteDefinitions'), '[{ "id"')).toBe('[{ "id"')
  expect(typedValue(field('DOVpnKeywords'), 'VPN\n\n Tunnel ')).toEqual(['VPN', 'Tunnel'])
  expect(typedValue(field('DODownloadMode'), '2')).toBe(2)
  expect(typedValue(field('membersMaySign'), 'off')).toBe(false)
  expect(typedValue(field('cacheQuotaBytes'), '  ')).toBeUndefined()
})

it('shows values with their units and what they stand for', () => {
  const shown = (name: string, value: unknown) =>
    valueText(
      policyForm().find(known => known.name === name)!,
      value
    )
  expect(shown('DODownloadMode', 1)).toBe('1 (LAN)')
  expect(shown('DOMinRAMAllowedToPeer', 4)).toBe('4 GB')
  expect(shown('maxLanUploadBytesPerSecond', 1024)).toBe('1KiB/s')
  expect(shown('siteDefinitions', [{ id: 'north' }])).toBe('north')
  expect(shown('DOCacheHost', [])).toBeNull()
})

it('puts what was changed upon what somebody else has said meanwhile', () => {
  const before = { uploadSlots: 4, downloadSlots: 4, DODownloadMode: 1 }
  const draft = { uploadSlots: 2, DODownloadMode: 1 }
  expect(rebased(before, draft, { ...before, DODownloadMode: 2, upstreamSlots: 3 })).toEqual({
    uploadSlots: 2,
    DODownloadMode: 2,
    upstreamSlots: 3
  })
  expect(rebased(before, before, {})).toEqual({})
  expect(rebased({}, { uploadSlots: 2 }, {})).toEqual({ uploadSlots: 2 })
})

it('keeps what was not saved for its author and its scope alone, and nothing that changes nothing', () => {
  const items = new Map<string, string>()
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, text: string) => void items.set(key, text),
    removeItem: (key: string) => void items.delete(key)
  }
  const keeper = draftKeeper(storage, 'ada', 'site:berlin')
  expect(keeper.kept()).toBeNull()
  const draft = { document: { uploadSlots: 2 }, from: {} }
  keeper.keep(draft)
  expect(draftKeeper(storage, 'ada', 'site:berlin').kept()).toEqual(draft)
  expect(draftKeeper(storage, 'eve', 'site:berlin').kept()).toBeNull()
  expect(draftKeeper(storage, 'ada', 'fleet').kept()).toBeNull()
  keeper.keep({ document: {}, from: {} })
  expect(keeper.kept()).toBeNull()
  keeper.keep(draft)
  keeper.forget()
  expect(keeper.kept()).toBeNull()
})
