/** What the certificates say, by verifiers that are not ours: Node's X.509, its TLS client, and the openssl program. */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls, createServer } from 'node:tls'
import { promisify } from 'node:util'
import { dayMs } from '@starling/shared/units.ts'
import { afterEach, describe, expect, test } from 'vitest'
import { folder } from '../../../test/doubles/intercept-harness.ts'
import { cleanUp, listen } from '../../../test/doubles/proxy-harness.ts'
import { createLeafMaker, describeCa, makeCa, type Ca } from './certificates.ts'
import { caNamesOf } from './names.ts'

afterEach(cleanUp)
const run = promisify(execFile)
const now = Date.now()
const make = (...hosts: string[]): Promise<Ca> => makeCa(caNamesOf(hosts), 'gw1', { now, signsFrom: now })

/** As openssl prints it. */
async function text(pem: string): Promise<string> {
  const file = join(folder(), 'one.pem')
  await writeFile(file, pem)
  return (await run('openssl', ['x509', '-in', file, '-noout', '-text'])).stdout
}

/** What openssl says of a leaf for this name, which our own leaf maker makes without asking. */
async function verdict(ca: Ca, host: string, at = now): Promise<string> {
  const place = folder()
  const leaf = await (await createLeafMaker(ca))(host, now)
  await writeFile(join(place, 'ca.pem'), ca.certificatePem)
  await writeFile(join(place, 'leaf.pem'), leaf.cert)
  const seconds = String(Math.floor(at / 1000))
  return await run('openssl', [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-attime',
    seconds,
    '-verify_hostname',
    host,
    '-CAfile',
    join(place, 'ca.pem'),
    join(place, 'leaf.pem')
  ]).then(
    ({ stdout }) => stdout.trim().replace(/^.*: /, ''),
    (error: { stderr: string }) => error.stderr
  )
}

describe('the CA', () => {
  test('may sign leaves for the listed names, and nothing else', async () => {
    const ca = await make('*.vendor.example', 'files.example', '*.microsoft.com')
    const said = await text(ca.certificatePem)
    expect(said).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    expect(said).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/)
    expect(said).toMatch(/Extended Key Usage: *\s+TLS Web Server Authentication/)
    expect(said).toMatch(
      /Name Constraints: critical\s+Permitted:\s+DNS:files.example\s+DNS:microsoft.com\s+DNS:vendor.example\s+Excluded:/
    )
    expect(said).toMatch(/Excluded:.*DNS:login.microsoft.com.*IP:0.0.0.0\/0.0.0.0\s+IP:0:0:/s)
    expect(said).toMatch(/prime256v1.*ecdsa-with-SHA256/s)
    expect(said).toMatch(/Subject:.*Starling TLS interception, gw1/)
    const certificate = new X509Certificate(ca.certificatePem)
    expect(Date.parse(certificate.validTo)).toBeCloseTo(now + 30 * dayMs, -4)
    expect(describeCa(ca.certificatePem).sha256).toBe(
      certificate.fingerprint256.replaceAll(':', '').toLowerCase()
    )
  })

  test.each([
    ['files.example', 'OK'],
    ['a.files.example', 'OK'],
    ['b.a.vendor.example', 'OK'],
    ['download.microsoft.com', 'OK'],
    ['other.example', 'permitted subtree violation'],
    ['evilfiles.example', 'permitted subtree violation'],
    ['login.microsoft.com', 'excluded subtree violation'],
    ['fe3.update.microsoft.com', 'excluded subtree violation']
  ])('of %s openssl says: %s', async (host, expected) => {
    const ca = await make('files.example', '*.vendor.example', '*.microsoft.com')
    expect(await verdict(ca, host)).toContain(expected)
  })

  test('names of any length are told right', async () => {
    const long = 'abcdefghijklmnopqrstuvwxyz'
      .split('')
      .map(letter => `${letter.repeat(60)}.${'x'.repeat(60)}.example`)
    const ca = await make(...long)
    expect(await verdict(ca, long[25]!)).toBe('OK')
    expect(await verdict(ca, `y${long[25]!}`)).toContain('permitted subtree violation')
  })
})

describe('a leaf', () => {
  test('is for one host, some days, and no longer than its CA', async () => {
    const ca = await make('files.example')
    const makeLeaf = await createLeafMaker(ca)
    const leaf = await makeLeaf('files.example', now)
    const certificate = new X509Certificate(leaf.cert)
    expect([certificate.subjectAltName, certificate.ca]).toEqual(['DNS:files.example', false])
    expect(certificate.issuer).toContain('gw1')
    expect(Date.parse(certificate.validTo)).toBeCloseTo(now + 7 * dayMs, -4)
    const late = await makeLeaf('files.example', now + 28 * dayMs)
    expect(late.expiresAt).toBe(ca.expiresAt)
    expect(await text(leaf.cert)).not.toMatch(/Authority Information Access|CRL Distribution/)
    expect(await verdict(ca, 'files.example', now + 8 * dayMs)).toContain('certificate has expired')
    const other = await makeLeaf('files.example', now)
    expect(new X509Certificate(other.cert).serialNumber).not.toBe(certificate.serialNumber)
  })

  test.each([
    ['files.example', 'taken'],
    ['other.example', 'permitted subtree violation']
  ])("for %s is judged by Node's TLS client", async (host, expected) => {
    const ca = await make('files.example')
    const leaf = await (await createLeafMaker(ca))(host, now)
    const port = await listen(createServer({ key: leaf.key, cert: leaf.cert }))
    const said = await new Promise<string>(resolve => {
      const socket = connectTls({ port, host: '127.0.0.1', servername: host, ca: ca.certificatePem })
      socket.once('error', error => resolve(error.message))
      socket.once('secureConnect', () => {
        socket.destroy()
        resolve('taken')
      })
    })
    expect(said).toBe(expected)
  })
})
