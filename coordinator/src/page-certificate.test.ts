import { createPrivateKey, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { agentIdOfSocket, dialAgent, identityServerOptions } from '@starling/agent/identity/tls.ts'
import { codeOf } from '@starling/shared/errors.ts'
import { dayMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  bothCertificates,
  fingerprintOf,
  loadPageCertificate,
  type PageCertificate
} from './page-certificate.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-page-certificate-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const now = Date.parse('2026-11-26T12:00:00Z')
const addresses = ['https://10.0.0.7:17833', 'https://[fd00::7]:17833', 'https://updates.example.org:17833']
const load = (at = now, told = addresses) => loadPageCertificate(folder, null, told, at)

const rsa = { name: 'RSASSA-PKCS1-v1_5', publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }

async function selfSigned(algorithm: {
  readonly name: string
  readonly hash: string
  readonly namedCurve?: string
  readonly modulusLength?: number
}): Promise<PageCertificate> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify'
  ])) as webcrypto.CryptoKeyPair
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=given',
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + dayMs),
    keys,
    signingAlgorithm: algorithm
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  return { key: String(key.export({ format: 'pem', type: 'pkcs8' })), cert: certificate.toString('pem') }
}

it('vouches for every name that people type, over a key that browsers know', async () => {
  const certificate = new X509Certificate((await load()).cert)
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
  expect(certificate.checkHost('updates.example.org')).toBeDefined()
  expect(certificate.checkHost('localhost')).toBeDefined()
  expect(certificate.checkIP('10.0.0.7')).toBeDefined()
  expect(certificate.checkIP('fd00::7')).toBeDefined()
  expect(certificate.ca).toBe(false)
  expect(statSync(join(folder, 'page.key')).mode & 0o077).toBe(0)
})

it('stays over restarts, and is made anew when it ends soon, does not fit any more or is broken', async () => {
  const first = fingerprintOf(await load())
  expect(fingerprintOf(await load(now + 700 * dayMs))).toBe(first)
  const later = fingerprintOf(await load(now + 800 * dayMs))
  expect(later).not.toBe(first)
  const moved = fingerprintOf(await load(now, ['https://10.0.0.8:17833']))
  expect(moved).not.toBe(later)
  writeFileSync(join(folder, 'page.crt'), readFileSync(join(folder, 'page.crt'), 'utf8').slice(0, 100))
  expect(fingerprintOf(await load(now, ['https://10.0.0.8:17833']))).not.toBe(moved)
})

it('takes one that is given, and says what is wrong with one that cannot be used', async () => {
  const own = await load()
  const given = { certFile: join(folder, 'given.crt'), keyFile: join(folder, 'given.key') }
  const take = () => loadPageCertificate(folder, given, addresses, now)
  await expect(take()).rejects.toThrow(/given\.crt/)
  writeFileSync(given.certFile, own.cert)
  writeFileSync(given.keyFile, own.key)
  expect(fingerprintOf(await take())).toBe(fingerprintOf(own))
  await expect(loadPageCertificate(folder, given, addresses, now + 900 * dayMs)).rejects.toThrow(/ended/)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(given.keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  await expect(take()).rejects.toThrow(/not that of the certificate/)
  const identity = await createTlsIdentity(createIdentity())
  writeFileSync(given.certFile, identity.cert)
  writeFileSync(given.keyFile, identity.key)
  await expect(take()).rejects.toThrow(/browsers know RSA/)
})

it.each([
  ['a curve that no browser knows', { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-256' }, false],
  ['P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }, true],
  ['a short RSA key', { ...rsa, modulusLength: 1024 }, false],
  ['an RSA key', { ...rsa, modulusLength: 2048 }, true]
])('takes a certificate over %s only if browsers do', async (_, algorithm, isGood) => {
  const given = { certFile: join(folder, 'given.crt'), keyFile: join(folder, 'given.key') }
  const { cert, key } = await selfSigned(algorithm)
  writeFileSync(given.certFile, cert)
  writeFileSync(given.keyFile, key)
  const outcome = await loadPageCertificate(folder, given, addresses, now).then(taken => taken.key, codeOf)
  expect(outcome).toBe(isGood ? key : 'bad-certificate')
})

it('asks for certificates of nobody else, whoever issued its own', async () => {
  const leaf = await load()
  const issuer = await selfSigned({ ...rsa, modulusLength: 2048 })
  const chain = { key: leaf.key, cert: `${leaf.cert}\n${issuer.cert}` }
  const { ca, cert } = bothCertificates(await createTlsIdentity(createIdentity()), chain)
  expect(cert[1]).toBe(chain.cert)
  expect(ca.match(/BEGIN CERTIFICATE/g)).toHaveLength(1)
  expect(new X509Certificate(ca).fingerprint256).toBe(fingerprintOf(leaf))
})

it('is what browsers see on the port where agents see the identity', async () => {
  const identity = createIdentity()
  const tls = await createTlsIdentity(identity)
  const page = await load()
  const server = createServer({ ...identityServerOptions(tls), ...bothCertificates(tls, page) }, socket =>
    socket.on('error', () => {}).resume()
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  try {
    const agent = await dialAgent({ host: '127.0.0.1', port, expected: identity.agentId, tls })
    expect(agentIdOfSocket(agent)).toBe(identity.agentId)
    agent.destroy()
    // What Chrome and Firefox offer.
    const sigalgs = 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384'
    const browser = await new Promise<TLSSocket>((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port, sigalgs, ca: page.cert, servername: 'localhost' },
        () => resolve(socket)
      )
      socket.once('error', reject)
    })
    expect(browser.getPeerX509Certificate()?.fingerprint256).toBe(fingerprintOf(page))
    browser.destroy()
  } finally {
    server.close()
  }
})
