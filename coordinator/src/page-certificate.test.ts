import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { agentIdOfSocket, dialAgent, identityServerOptions } from '@starling/agent/identity/tls.ts'
import { dayMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fingerprintOf, loadPageCertificate } from './page-certificate.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-page-certificate-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const now = Date.parse('2026-11-26T12:00:00Z')
const addresses = ['https://10.0.0.7:17833', 'https://[fd00::7]:17833', 'https://updates.example.org:17833']
const load = (at = now, told = addresses) => loadPageCertificate(folder, null, told, at)

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
  await expect(take()).rejects.toThrow(/Ed25519/)
})

it('is what browsers see on the port where agents see the identity', async () => {
  const identity = createIdentity()
  const tls = await createTlsIdentity(identity)
  const page = await load()
  const server = createServer(
    { ...identityServerOptions(tls), key: [tls.key, page.key], cert: [tls.cert, page.cert] },
    socket => socket.on('error', () => {}).resume()
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
