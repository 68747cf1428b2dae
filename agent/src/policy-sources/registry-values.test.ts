import { expect, it } from 'vitest'
import { registryFromText } from '../registry.ts'
import { valuesFrom } from './registry-values.ts'

const known = [
  'DODownloadMode',
  'DOCacheHost',
  'DOVpnKeywords',
  'DOSetHoursToLimitBackgroundDownloadBandwidth',
  'DOSetHoursToLimitBackgroundDownloadBandwidthFrom'
]
const values = (text: string) =>
  Object.fromEntries(valuesFrom(registryFromText(text), known).map(({ name, value }) => [name, value]))
const root = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Starling'

it('names are taken in any capitals, and the name of nothing is none', () => {
  expect(values(`${root}\n    (Standard)    REG_SZ    x\n    dodownloadmode    REG_DWORD    0x63`)).toEqual({
    DODownloadMode: 99
  })
})

it("a window's parts need no DO before them, as in Microsoft's own template", () => {
  expect(values(`${root}\n    SetHoursToLimitBackgroundDownloadBandwidthFrom    REG_DWORD    0x8`)).toEqual({
    DOSetHoursToLimitBackgroundDownloadBandwidthFrom: 8
  })
})

it('quotes that somebody typed are no part of a text', () => {
  expect(values(`${root}\n    DOCacheHost    REG_SZ    "gw.example,10.0.0.1"`)).toEqual({
    DOCacheHost: 'gw.example,10.0.0.1'
  })
})

it('a key of numbered values is a list, in the order of its numbers', () => {
  const text = `${root}\n\n${root}\\DOVpnKeywords\n    10    REG_SZ    last\n    9    REG_SZ    first\n\n${root}\\a\\b\n    1    REG_SZ    x`
  expect(values(text)).toEqual({ DOVpnKeywords: ['first', 'last'] })
})

it('what MDM notes beside a value is no value, and its XML is the parts of a policy', () => {
  const mdm = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\DeliveryOptimization'
  const xml = '<enabled/><data id="SetHoursToLimitBackgroundDownloadBandwidthFrom" value="22"/>'
  expect(
    values(
      `${mdm}\n    DODownloadMode    REG_DWORD    0x1\n    DODownloadMode_ProviderSet    REG_DWORD    0x1\n    DODownloadMode_WinningProvider    REG_SZ    AB\n    DOSetHoursToLimitBackgroundDownloadBandwidth    REG_SZ    ${xml}`
    )
  ).toEqual({
    DODownloadMode: 1,
    DOSetHoursToLimitBackgroundDownloadBandwidth: '1',
    DOSetHoursToLimitBackgroundDownloadBandwidthFrom: '22'
  })
  expect(values(`${mdm}\n    DOSetHoursToLimitBackgroundDownloadBandwidth    REG_SZ    <disabled/>`)).toEqual(
    {
      DOSetHoursToLimitBackgroundDownloadBandwidth: '0'
    }
  )
})
