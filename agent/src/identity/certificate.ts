/**
 * The agent's X.509 certificate: self-signed over the identity key itself, so that TLS 1.3 (which makes each side
 * sign the handshake with its certificate's key) proves the AgentId. Names, authorities and dates in it mean
 * nothing to us; TLS only wants them to be there. Made at each start (about 3 ms), kept nowhere.
 */
import { webcrypto, type X509Certificate } from 'node:crypto'
import type { AgentId } from '@starling/shared/ids.ts'
import { agentIdOfKeyObject } from './agent-key.ts'
import type { Identity } from './keys.ts'

/** What node:tls wants, both PEM. */
export interface TlsIdentity {
  readonly key: string
  readonly cert: string
}

export async function createTlsIdentity(
  identity: Pick<Identity, 'agentId' | 'nodeKey'>
): Promise<TlsIdentity> {
  // Loaded when wanted: half of the start-up time of commands that make no certificate. The first is asked for by the second.
  await import('reflect-metadata')
  const { X509CertificateGenerator } = await import('@peculiar/x509')
  const pkcs8 = identity.nodeKey.export({ format: 'der', type: 'pkcs8' })
  const { x } = identity.nodeKey.export({ format: 'jwk' })
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']),
    webcrypto.subtle.importKey('jwk', { kty: 'OKP', crv: 'Ed25519', x: String(x) }, 'Ed25519', true, [
      'verify'
    ])
  ])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${identity.agentId}`,
    keys: { privateKey, publicKey },
    signingAlgorithm: 'Ed25519',
    serialNumber: '01',
    // Wide enough for any clock: nobody reads these, the credential has the dates that count.
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: new Date('2049-12-31T23:59:59Z')
  })
  return {
    key: String(identity.nodeKey.export({ format: 'pem', type: 'pkcs8' })),
    cert: certificate.toString('pem')
  }
}

/** Null for no certificate and for one over anything but an Ed25519 key. */
export function agentIdOfCertificate(certificate: X509Certificate | undefined): AgentId | null {
  return certificate === undefined ? null : agentIdOfKeyObject(certificate.publicKey)
}
