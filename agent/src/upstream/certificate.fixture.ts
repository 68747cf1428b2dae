/** A certificate for this machine, good for so many days (fewer than none: it has expired): what `node:https` wants, made afresh, so that no key lies about. */
import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import { dayMs } from '@starling/shared/units.ts'

export async function certificateFor(days: number): Promise<{ readonly key: string; readonly cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    serialNumber: '01',
    notBefore: new Date(Date.now() - 30 * dayMs),
    notAfter: new Date(Date.now() + days * dayMs),
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'ip', value: '127.0.0.1' },
        { type: 'dns', value: 'localhost' }
      ])
    ]
  })
  return {
    key: String(KeyObject.from(keys.privateKey).export({ format: 'pem', type: 'pkcs8' })),
    cert: certificate.toString('pem')
  }
}
