/** What a peer said, checked before the core hears it: signatures, and that it speaks for itself only. */
import type { AgentId } from '@starling/shared/ids.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import type { TrustPort } from '../ports.ts'

/** @returns why the core may not hear it, as a word to be counted (`head-expired`), or null. */
export function problemOf(peer: AgentId, message: SwarmMessage, trust: TrustPort): string | null {
  if (message.type === 'head') return worded('head', trust.checkHead(message.head))
  if (message.type === 'digests') return worded('digests', trust.checkDigests(message.digests, message.proof))
  if (message.type === 'purge') return worded('purge', trust.checkPurge(message.purge, message.proof))
  // In a mesh everyone hears everyone; relayed claims will come with a signature.
  const isClaim = message.type === 'claim' || message.type === 'release'
  return isClaim && message.claim.claimant !== peer ? 'foreign-claim' : null
}

/** For the same reason, of the claims in a bitfield only the sender's own are news. */
export function withoutForeignClaims(peer: AgentId, message: SwarmMessage): SwarmMessage {
  if (message.type !== 'bitfield') return message
  return { ...message, claims: message.claims.filter(({ claimant }) => claimant === peer) }
}

function worded(what: string, reason: string | null): string | null {
  return reason === null ? null : `${what}-${reason}`
}
