/**
 * The certificate that browsers see. Agents ask for the coordinator's Ed25519 key and know it by its name (identity/tls.ts);
 * no browser speaks Ed25519, so the same port shows them another certificate: one that the admin gives, or one of our own
 * making over a P-256 key, which stays over restarts so that an exception made for it stays good.
 *
 * It vouches for the page and the API, never for what agents believe.
 */
import { createPrivateKey, randomBytes, webcrypto, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { TlsIdentity } from '@starling/agent/identity/certificate.ts'
import { readSecretFile, writeSecretFile } from '@starling/agent/identity/secret-file.ts'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { dayMs, type Millis } from '@starling/shared/units.ts'

/** What node:tls wants, both PEM. */
export interface PageCertificate {
  readonly key: string
  readonly cert: string
}

/** Where a certificate that was given lies. */
export interface PageCertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

const ownCertFileName = 'page.crt'
const ownKeyFileName = 'page.key'

/** Browsers take no certificate that lives for longer, not even one that was let in by hand (Apple: 825 days). */
const lifeMs: Millis = 820 * dayMs
/** Made anew with so much left, at a start. */
const renewMs: Millis = 60 * dayMs
/** Clocks differ. */
const backdatedMs: Millis = dayMs

/**
 * @param given null: our own, made when there is none, when it ends soon, and when the machine's names have changed
 * @param addresses `https://host:port`, as people may type them
 * @throws StarlingError `bad-certificate`
 */
export async function loadPageCertificate(
  dataFolder: string,
  given: PageCertificateFiles | null,
  addresses: readonly string[],
  now: Millis
): Promise<PageCertificate> {
  if (given !== null) return await loadGiven(given, now)
  const names = namesOf(addresses)
  return (await loadOwn(dataFolder, names, now)) ?? (await makeOwn(dataFolder, names, now))
}

/** For node:tls: TLS shows the one that the caller can read. Agents ask for Ed25519 only, browsers do not know it. */
export function bothCertificates(
  tls: TlsIdentity,
  page: PageCertificate
): { readonly key: string[]; readonly cert: string[]; readonly ca: string } {
  return {
    key: [tls.key, page.key],
    cert: [tls.cert, page.cert],
    // Not to trust it: it is whose certificates we say to take, so that no browser offers its user's own. Without the rest of
    // the chain, for who issued this one may have issued those of the users, too.
    ca: new X509Certificate(page.cert).toString()
  }
}

/** SHA-256, as browsers show it, for people to compare. */
export function fingerprintOf({ cert }: PageCertificate): string {
  return new X509Certificate(cert).fingerprint256
}

async function loadGiven({ certFile, keyFile }: PageCertificateFiles, now: Millis): Promise<PageCertificate> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
    const first = new X509Certificate(cert)
    if (!first.checkPrivateKey(createPrivateKey(key)))
      throw new Error('the key is not that of the certificate')
    if (!isForBrowsers(first.publicKey))
      throw new Error('browsers know RSA of 2048 bits or more, and ECDSA on P-256 or P-384')
    if (Date.parse(first.validTo) < now) throw new Error(`it ended at ${first.validTo}`)
    return { cert, key }
  } catch (cause) {
    throw new StarlingError(
      'bad-certificate',
      `the certificate ${certFile} with the key ${keyFile} cannot be used: ${messageOf(cause)}. Give both as PEM, the chain after the certificate, or leave them out`,
      { cause }
    )
  }
}

/** Chrome and Edge know no other; of an Ed25519 key agents would think it were the coordinator's. */
function isForBrowsers({ asymmetricKeyType: kind, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (kind === 'rsa') return (details?.modulusLength ?? 0) >= 2048
  return kind === 'ec' && ['prime256v1', 'secp384r1'].includes(details?.namedCurve ?? '')
}

async function loadOwn(
  dataFolder: string,
  names: readonly string[],
  now: Millis
): Promise<PageCertificate | null> {
  const key = (await readSecretFile(join(dataFolder, ownKeyFileName)))?.toString('utf8')
  let cert: string
  try {
    cert = await readFile(join(dataFolder, ownCertFileName), 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
  try {
    const first = new X509Certificate(cert)
    const isGood =
      key !== undefined &&
      first.checkPrivateKey(createPrivateKey(key)) &&
      Date.parse(first.validTo) > now + renewMs &&
      names.every(name => (isIP(name) === 0 ? first.checkHost(name) : first.checkIP(name)) !== undefined)
    return isGood ? { cert, key } : null
  } catch {
    // Half written, by a crash: nothing is lost that cannot be made again.
    return null
  }
}

async function makeOwn(dataFolder: string, names: readonly string[], now: Millis): Promise<PageCertificate> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: ['Starling'], CN: [`Starling coordinator ${hostname()}`.slice(0, 64)] }],
    serialNumber: serial.toString('hex'),
    notBefore: new Date(now - backdatedMs),
    notAfter: new Date(now + lifeMs - backdatedMs),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map(value => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }))
      )
    ]
  })
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = String(
    createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' })
  )
  const cert = certificate.toString('pem')
  await writeSecretFile(join(dataFolder, ownKeyFileName), key)
  await writeFile(join(dataFolder, ownCertFileName), cert)
  return { cert, key }
}

/** What people type: the machine itself, its name, where agents reach it. */
function namesOf(addresses: readonly string[]): string[] {
  const told = addresses.map(address => new URL(address).hostname.replace(/^\[(.*)\]$/, '$1'))
  return [...new Set(['localhost', '127.0.0.1', '::1', hostname().toLowerCase(), ...told])]
}
