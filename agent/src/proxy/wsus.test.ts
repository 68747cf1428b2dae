import { expect, test } from 'vitest'
import { wsusCallOf } from './wsus.ts'

const client = '/ClientWebService/client.asmx'
const action = (name: string): string =>
  `"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/${name}"`

test.each<[string, string, string | null, ReturnType<typeof wsusCallOf>]>([
  ['POST', client, action('SyncUpdates'), 'scan'],
  ['POST', client, action('StartCategoryScan'), 'scan'],
  ['POST', client, action('GetExtendedUpdateInfo'), 'sync'],
  ['POST', client, action('GetExtendedUpdateInfo2'), 'sync'],
  ['POST', client, action('GetFileLocations').replaceAll('"', ''), 'sync'],
  ['POST', client, action('GetConfig'), 'other'],
  ['POST', client, null, 'other'],
  ['POST', '/SimpleAuthWebService/SimpleAuth.asmx', null, 'other'],
  ['POST', '/ReportingWebService/ReportingWebService.asmx', action('ReportEventBatch'), 'report'],
  ['GET', client, action('SyncUpdates'), null],
  ['POST', '/shop/basket.asmx', action('SyncUpdates'), null],
  ['POST', '/ClientWebService/client.asmx.bak', null, null]
])('%s %s %s: %s', (method, path, soapAction, expected) => {
  expect(wsusCallOf(method, `http://wsus.example:8530${path}`, soapAction)).toBe(expected)
})
