/**
 * The certificates of interception: a CA that may name the listed hosts and nothing else, and leaves for one host each.
 *
 * ECDSA P-256 throughout, which all clients of the last ten years know. The CA's path length is 0, so that nobody can put
 * another CA below it, and its extended key usage keeps it from signing mail or code.
 *
 * Leaves carry no address of an OCSP responder and none of a revocation list, so there is nothing that could be stapled: a
 * client that asks for a stapled answer takes a certificate that promises none. Their short life stands in for it, as
 * it does for public certificates of some days (CA/Browser Forum, "short-lived").
 */
import { createHash, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import type { Millis } from '@starling/shared/units.ts'
import { backdatedMs, caLifeMs, leafLifeMs } from './limits.ts'
import { nameConstraintsId, nameConstraintsOf } from './name-constraints.ts'
import type { CaNames } from './names.ts'
import type { CaFacts } from './renewal.ts'

/** As it is kept. `key` is PKCS 8. */
export interface Ca extends CaFacts {
  readonly certificatePem: string
  readonly keyPem: string
}

/** What node:tls wants, and until when it is good. */
export interface Leaf {
  readonly key: string
  readonly cert: string
  readonly expiresAt: Millis
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
const signing = { name: 'ECDSA', hash: 'SHA-256' } as const
/** Longer ones do not fit into a common name, which nobody reads any more. */
const commonNameMax = 64

/** @param owner whose it is, for people who look into a machine's store of certificates */
export async function makeCa(
  names: CaNames,
  owner: string,
  { now, signsFrom }: { readonly now: Millis; readonly signsFrom: Millis }
): Promise<Ca> {
  const x509 = await library()
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const expiresAt = now + caLifeMs
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [
      {
        O: ['Starling'],
        CN: [`Starling TLS interception, ${owner}, ${new Date(now).toISOString().slice(0, 10)}`.slice(0, 64)]
      }
    ],
    serialNumber: serialNumber(),
    notBefore: new Date(now - backdatedMs),
    notAfter: new Date(expiresAt),
    keys,
    signingAlgorithm: signing,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.Extension(nameConstraintsId, true, nameConstraintsOf(names) as Uint8Array<ArrayBuffer>),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return {
    names,
    madeAt: now,
    signsFrom,
    expiresAt,
    certificatePem: certificate.toString('pem'),
    keyPem: await pemOf(keys.privateKey)
  }
}

/** Makes the leaves of one CA, all over one key of this process. */
export async function createLeafMaker(ca: Ca): Promise<(host: string, now: Millis) => Promise<Leaf>> {
  const x509 = await library()
  const issuer = new x509.X509Certificate(ca.certificatePem)
  const [signingKey, keys] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', derOf(ca.keyPem), algorithm, false, ['sign']),
    webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  ])
  const key = await pemOf(keys.privateKey)
  return async (host, now) => {
    const expiresAt = Math.min(now + leafLifeMs, ca.expiresAt)
    const certificate = await x509.X509CertificateGenerator.create({
      subject: host.length > commonNameMax ? '' : [{ CN: [host] }],
      issuer: issuer.subject,
      serialNumber: serialNumber(),
      notBefore: new Date(Math.max(now, ca.madeAt) - backdatedMs),
      notAfter: new Date(expiresAt),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: signing,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: host }], host.length > commonNameMax),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(issuer)
      ]
    })
    return { key, cert: certificate.toString('pem'), expiresAt }
  }
}

/** SHA-256 and SHA-1 (which Windows calls the thumbprint), and the subject, for people. */
export function describeCa(certificatePem: string): {
  readonly subject: string
  readonly sha256: string
  readonly thumbprint: string
} {
  const { subject, raw } = new X509Certificate(certificatePem)
  const hex = (name: string): string => createHash(name).update(raw).digest('hex')
  return { subject: subject.replaceAll('\n', ', '), sha256: hex('sha256'), thumbprint: hex('sha1') }
}

/** Loaded when wanted: most agents intercept nothing. */
async function library(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}

/** 127 random bits, positive. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes.toString('hex')
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
}

function derOf(pem: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ''), 'base64'))
}
