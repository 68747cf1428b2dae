import { describe, expect, it, test } from 'vitest'
import { layerKinds, mergePolicy, type PolicyLayer } from './layers.ts'
import { onlyLower } from './only-lower.ts'
import { policyDefaults, policyField, policyFields, type PolicyDocument } from './policy.ts'

const layer = (kind: PolicyLayer['kind'], document: PolicyDocument, detail: string = kind): PolicyLayer => ({
  kind,
  detail,
  document
})
const sourceOf = (layers: readonly PolicyLayer[], name: string) =>
  mergePolicy(layers).entries.find(entry => entry.name === name)

describe('a merged policy', () => {
  it('has each value of the first layer that names it, in whatever order the layers come', () => {
    for (const [index, kind] of layerKinds.entries()) {
      const all = layerKinds.slice(index).map(one => layer(one, { uploadSlots: layerKinds.indexOf(one) }))
      for (const layers of [all, [...all].reverse()])
        expect(sourceOf(layers, 'uploadSlots')).toEqual({
          name: 'uploadSlots',
          value: index,
          source: { layer: kind, detail: kind }
        })
    }
  })

  it('leaves what nobody names at its default', () => {
    expect(mergePolicy([]).policy).toEqual(policyDefaults)
    expect(sourceOf([], 'DOMaxCacheAge')).toMatchObject({ source: { layer: 'default', detail: '' } })
  })

  it('takes names one by one, and tells where each is from', () => {
    const layers = [
      layer('fleet', { uploadSlots: 1, downloadSlots: 2 }, 'fleet v3'),
      layer('group', { uploadSlots: 4 }, 'group north v7'),
      layer('machine', { DOGroupId: null }, 'registry HKLM\\SOFTWARE\\Policies\\Starling')
    ]
    expect(sourceOf(layers, 'uploadSlots')?.source).toEqual({ layer: 'group', detail: 'group north v7' })
    expect(sourceOf(layers, 'downloadSlots')?.source.detail).toBe('fleet v3')
    // Null is a word, too: not set, whatever others say.
    expect(sourceOf(layers, 'DOGroupId')?.source.layer).toBe('machine')
  })

  it('of two layers of one kind takes the one that is named first', () => {
    const layers = [
      layer('machine', { uploadSlots: 1 }, 'own'),
      layer('machine', { uploadSlots: 2 }, 'theirs')
    ]
    expect(sourceOf(layers, 'uploadSlots')?.source.detail).toBe('own')
  })
})

describe('a user', () => {
  it('may lower what the machine allows, and nothing else', () => {
    const user = {
      detail: 'settings of anna',
      document: {
        uploadSlots: 2,
        maxLanUploadBytesPerSecond: 5000,
        interceptHosts: ['a.example'],
        siteDefinitions: [],
        downloadSlots: 99
      }
    }
    const layers = [
      layer('fleet', {
        uploadSlots: 4,
        maxLanUploadBytesPerSecond: 1000,
        interceptHosts: ['a.example', 'b.example']
      })
    ]
    const { policy, entries, refused } = mergePolicy(layers, user)
    expect(policy).toMatchObject({
      uploadSlots: 2,
      maxLanUploadBytesPerSecond: 1000,
      interceptHosts: ['a.example'],
      downloadSlots: policyDefaults.downloadSlots
    })
    expect(entries.find(({ name }) => name === 'uploadSlots')?.source).toEqual({
      layer: 'user',
      detail: 'settings of anna'
    })
    expect(refused).toEqual([
      { name: 'downloadSlots', why: 'a user may allow less, not more: the machine has 16' },
      { name: 'maxLanUploadBytesPerSecond', why: 'a user may allow less, not more: the machine has 1000B' },
      { name: 'siteDefinitions', why: 'only the machine may say this' }
    ])
  })

  test.each([
    ['DOMonthlyUploadDataCap', 20, [0, 19, 20], [21]],
    ['DOMaxBackgroundDownloadBandwidth', 500, [1, 500], [0, 501]],
    ['DOMaxBackgroundDownloadBandwidth', 0, [0, 1, 9999], []],
    ['DOMinRAMAllowedToPeer', 4, [4, 8], [3]],
    ['DOMinBatteryPercentageAllowedToUpload', 40, [0, 40, 60], [39]],
    ['DOMinBatteryPercentageAllowedToUpload', 0, [0], [1, 100]],
    ['DOAllowVPNPeerCaching', 1, [0, 1], []],
    ['DOAllowVPNPeerCaching', 0, [0], [1]],
    ['DODisallowCacheServerDownloadsOnVPN', 1, [1], [0]],
    ['interceptEnabled', false, [false], [true]],
    ['proxyClients', ['10.1.0.0/16'], [[], ['10.1.0.0/16']], [['10.2.0.0/16']]],
    ['DODownloadMode', 1, [], [0, 1]],
    ['siteUpstreamSlots', 6, [], [5]]
  ])('with %s at %j may have %j and not %j', (name, allowed, may, mayNot) => {
    const field = policyField(name)!
    for (const wished of may)
      expect(onlyLower(field, allowed, wished)).toEqual({ value: wished, refused: null })
    for (const wished of mayNot) {
      const { value, refused } = onlyLower(field, allowed, wished)
      expect(value).toBe(allowed)
      expect(refused).not.toBeNull()
    }
  })

  test('may always have what the machine has, where he may say anything', () => {
    for (const field of policyFields.filter(({ stricter }) => stricter !== undefined))
      expect(onlyLower(field, field.byDefault, field.byDefault).refused, field.name).toBeNull()
  })
})
