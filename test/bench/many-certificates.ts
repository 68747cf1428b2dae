/**
 * TLS identities for thousands of agents, at a thirtieth of what the agent's own code takes for each: one certificate is
 * made by that code, and the others are copies of it with their own key, signed by that.
 */
import { X509Certificate, createPrivateKey, sign } from 'node:crypto'
import { createTlsIdentity, type TlsIdentity } from '@starling/agent/identity/certificate.ts'
import type { AgentKey } from './enrolled-fleet.ts'

const signatureBytes = 64
/** DER: Ed25519, then a bit string of the signature. */
const afterSigned = Buffer.from('300506032b6570034100', 'hex')

export async function certificateMaker(first: AgentKey): Promise<(of: AgentKey) => TlsIdentity> {
  const made = await createTlsIdentity({ agentId: first.id, nodeKey: createPrivateKey(first.key) })
  const model = new X509Certificate(made.cert).raw
  const keyAt = model.indexOf(publicBytes(first.key))
  // What is signed stands after tag and length of the whole, and before the name of the algorithm and the signature.
  const signedAt = model[1] === 0x82 ? 4 : 3
  const signedEnd = model.length - signatureBytes - afterSigned.length
  if (keyAt < 0 || !model.subarray(signedEnd, -signatureBytes).equals(afterSigned))
    throw new Error('the certificate is not laid out as it was')
  return ({ key }) => {
    const der = Buffer.from(model)
    publicBytes(key).copy(der, keyAt)
    sign(null, der.subarray(signedAt, signedEnd), key).copy(der, der.length - signatureBytes)
    return {
      key,
      cert: `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`
    }
  }
}

function publicBytes(key: string): Buffer {
  return Buffer.from(String(createPrivateKey(key).export({ format: 'jwk' }).x), 'base64url')
}
