import { expect, test } from 'vitest'
import { faceOf, type Faced } from './face.ts'

const options = {
  cacheHostAllows: (url: string) => new URL(url).host.endsWith('.windowsupdate.com'),
  wsus: 'http://wsus.corp.example:8530'
}
const told = (faced: Faced): string => {
  if (faced.kind === 'target') return `${faced.face} ${faced.url}`
  if (faced.kind === 'mirror') return `mirror ${faced.name} ${faced.rest}`
  return faced.kind === 'refused' ? String(faced.status) : faced.kind
}
const au = 'au.download.windowsupdate.com'

test.each<[string, string | null, string]>([
  ['http://files.example/a?b#c', 'files.example', 'forward http://files.example/a?b'],
  ['HTTP://files.example/a', null, 'forward http://files.example/a'],
  ['https://files.example/a', null, 'forward https://files.example/a'],
  ['http://[::', null, '400'],
  ['*', null, '400'],
  ['ftp://files.example/a', null, '400'],
  ['/', '127.0.0.1:17831', '400'],
  ['/a', null, '400'],
  ['/proxy.pac', '127.0.0.1:17831', 'pac'],
  ['/wpad.dat?x', 'wpad', 'pac'],
  [`/c/x_1.cab?cacheHostOrigin=${au}`, '127.0.0.1', `cache-host http://${au}/c/x_1.cab`],
  [`/c/x?P1=1&cacheHostOrigin=${au}&P4=a%2fb%3d`, '10.0.0.5', `cache-host http://${au}/c/x?P1=1&P4=a%2fb%3d`],
  [`/c/x?cacheHostOrigin=evil.example&cacheHostOrigin=${au}`, null, `cache-host http://${au}/c/x`],
  [`/c/x?cachehostorigin=${au}`, null, `cache-host http://${au}/c/x`],
  [`/c/x?cacheHostOrigin=${au}&cacheHostOrigin=evil.example`, null, '502'],
  ['/c/x?cacheHostOrigin=127.0.0.1', null, '502'],
  ['/c/x?cacheHostOrigin=', null, '502'],
  [`/c/x?cacheHostOrigin=${au}@evil.example`, null, '502'],
  [`/c/x?cacheHostOrigin=${au}%2f..%2fx`, null, '502'],
  ['/c/x?cacheHostOrigin=%zz', null, '502'],
  ['/c/x', `${au}:80`, `cache-host http://${au}/c/x`],
  ['/c/x', 'evil.example', '502'],
  ['/Content/49/A3.exe', 'localhost:17831', 'alternate http://wsus.corp.example:8530/Content/49/A3.exe'],
  [
    '/ClientWebService/client.asmx',
    'pc-1',
    'alternate http://wsus.corp.example:8530/ClientWebService/client.asmx'
  ],
  ['//evil.example/Content/x', 'localhost', '400'],
  ['/m/go/example.com/x/@v/list?a=b', 'localhost:17831', 'mirror go example.com/x/@v/list?a=b'],
  ['/m/go//x', 'gateway.corp.example', 'mirror go /x'],
  ['/m/go', null, 'mirror go '],
  ['/m/', 'localhost', 'mirror  '],
  // What Microsoft's hosts call so is theirs, and whose origin is named is no mirror's.
  ['/m/go/x', au, `cache-host http://${au}/m/go/x`],
  [`/m/go/x?cacheHostOrigin=${au}`, 'localhost', `cache-host http://${au}/m/go/x`],
  ['/m/go/x?cacheHostOrigin=evil.example', 'localhost', '502'],
  ['//m/go/x', 'localhost', '400'],
  ['http://files.example/m/go/x', 'files.example', 'forward http://files.example/m/go/x'],
  ['/Content/../../x?cacheHostOrigin', 'localhost', '502']
])('%s, Host %s: %s', (target, host, expected) => {
  expect(told(faceOf(target, host, options))).toBe(expected)
})

test('without a WSUS its paths are refused, with a status that sends Windows to the WSUS itself', () => {
  expect(told(faceOf('/Content/49/A3.exe', 'localhost', { ...options, wsus: null }))).toBe('502')
})
