import { describe, expect, test } from 'vitest'
import { onlyLower } from './only-lower.ts'
import { policyField, policyFields } from './policy.ts'

describe('a user', () => {
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
