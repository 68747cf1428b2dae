/**
 * Why a certificate is not trusted, for people: which store was looked in, and what to do about it. Node's own words send its
 * reader to options of Node, which nobody passes to an agent.
 */
import { codeOf, messageOf } from '@starling/shared/errors.ts'

/** What certificates are held against: the system's store, or the list that comes with Node. */
export type CaStore = 'system' | 'node'

/** What Node's check of a certificate says (`X509_V_ERR_...` and its own check of the name). */
const codes =
  /^(CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF)|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PERMITTED_VIOLATION|EXCLUDED_VIOLATION|ERR_TLS_CERT_ALTNAME)/

/** By whom it is, and not what it says. */
const unknownIssuer =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF)|CERT_UNTRUSTED)/

const stores: Readonly<Record<CaStore, { readonly looked: string; readonly put: string }>> = {
  system: {
    looked: "this system's certificate store and NODE_EXTRA_CA_CERTS",
    put: "this system's store (Windows: Trusted Root Certification Authorities of the computer; Debian: /usr/local/share/ca-certificates and update-ca-certificates)"
  },
  node: {
    looked: 'the list of public CAs that comes with Starling and NODE_EXTRA_CA_CERTS',
    put: "a file that NODE_EXTRA_CA_CERTS names in the agent's environment"
  }
}

/** A sentence's end; null: the failure is another. */
export function untrustedText(cause: unknown, store: CaStore): string | null {
  const code = codeOf(cause)
  if (!codes.test(code)) return null
  const { looked, put } = stores[store]
  if (!unknownIssuer.test(code))
    return `(${messageOf(cause)}): tell those who run it; if it is valid, look at this machine's clock`
  return (
    `(${code}: ${looked} know nobody who signed it). If its CA is your own, put the CA's certificate into ${put} and restart the agent; ` +
    'else tell those who run it, who may have left out a certificate in between'
  )
}
