/**
 * Reasons as sentences for a terminal. The page has them in its message files, by the same codes; the compiler sees to it that none is
 * forgotten here.
 */
import type { PeerReason, TransferReason } from '../ports.ts'
import type { PolicyReason } from '../views.ts'
import { formatRate, formatSpan, safeText } from './format.ts'

type AnyReason = { readonly code: string; readonly params: object }
type Sentences<Reason extends AnyReason> = {
  readonly [Code in Reason['code']]: (params: Extract<Reason, { readonly code: Code }>['params']) => string
}

const ofTransfers: Sentences<TransferReason> = {
  complete: () => 'all of it is here',
  'not-wanted': () => 'no program on this machine wants it now, so nothing of it is fetched',
  background: () => 'nobody waits for it: it yields to other traffic (Priority: background)',
  'from-peers': ({ requests, peers }) => `it comes from ${peers} peers (${requests} chunks are asked for)`,
  'from-origin': ({ flows }) => `this machine fetches from the origin (${flows} connections)`,
  'from-far-gateway': ({ flows }) =>
    `this machine fetches from a gateway beyond its site (${flows} chunks at a time)`,
  'others-fetch': ({ chunks, claimants }) =>
    `${claimants} other agents of the site fetch ${chunks} of the missing chunks over the WAN; they come from there`,
  'no-peers': () => 'no peer is connected: `starling doctor` tells what may be in the way',
  'peers-have-nothing': ({ peers }) => `${peers} peers are connected, and none has any of what is missing`,
  'digests-missing': ({ chunks }) =>
    `peers have ${chunks} chunks whose digests are not known yet: they are asked for`,
  'waits-for-gateway': ({ ms }) =>
    `a gateway of the site fetches it; without a sign of life from it, this machine begins in ${formatSpan(ms)}`,
  'waits-for-peers-back': ({ ms }) =>
    `all peers were lost a moment ago: they get ${formatSpan(ms)} to come back before the origin is asked`,
  'upstream-failed': ({ ms }) => `the origin failed: it is asked again in ${formatSpan(ms)}`,
  'upstream-refused': () => 'the origin refuses it (4xx): asking again is of no use',
  'wan-forbidden': () => 'policy keeps this machine from fetching over the WAN (upstreamWeight is 0)',
  'no-address': () => 'no program has told this machine where it is',
  'one-whole-answer': () => 'the origin sends everything whatever is asked: one connection is enough',
  'not-a-fetcher': () => 'the site is large, and others were chosen to fetch over the WAN',
  'waits-for-turn': () =>
    'it is the turn of another agent of the site to fetch next; a moment later it is ours',
  'site-flows-used': ({ slots }) =>
    `all ${slots} connections to the origin that the site may have now are in use (siteUpstreamSlots)`,
  'own-flows-used': ({ slots }) =>
    `all ${slots} connections to the origin that this machine may have are in use (upstreamSlots)`,
  'requests-used': ({ slots }) =>
    `${slots} chunks are asked of peers: more would only make all of them late (downloadSlots)`,
  'http-delayed': ({ policy, ms, waitedMs }) =>
    `peers have the first go: after ${formatSpan(ms)} without progress it is fetched over HTTP (${policy}; ${formatSpan(waitedMs)} are over)`,
  'lan-rate': ({ bytesPerSecond }) => `what comes from peers is limited to ${formatRate(bytesPerSecond)}`,
  'wan-rate': ({ bytesPerSecond }) =>
    `downloads over the WAN are limited to ${formatRate(bytesPerSecond)} together`,
  'foreground-rate': ({ bytesPerSecond }) =>
    `downloads in the foreground are limited to ${formatRate(bytesPerSecond)} at this hour`,
  'background-rate': ({ bytesPerSecond }) =>
    `downloads in the background have ${formatRate(bytesPerSecond)}: policy, or because they yield`,
  'disk-full': () => 'the disk or the quota is full: only what programs read just now is fetched',
  'gives-nothing': () => 'this machine gives nothing to others for now'
}

const ofPeers: Sentences<PeerReason> = {
  asked: ({ requests }) => `${requests} chunks are asked of it`,
  ready: () => 'could be asked; others were drawn',
  'has-nothing-needed': () => 'has nothing of what is missing',
  'does-not-know-it': () => 'has not said anything of this content',
  banned: ({ ms }) => `banned for ${formatSpan(ms)}`,
  'sent-corrupt': ({ strikes, ms }) => `sent ${strikes} corrupt chunks: avoided for ${formatSpan(ms)}`,
  'sent-corrupt-before': ({ strikes }) => `sent ${strikes} corrupt chunks: asked little until it delivers`,
  failing: ({ failures, ms }) => `failed ${failures} times in a row: rests for ${formatSpan(ms)}`,
  unproven: () => 'has failed or never delivered: asked little until it delivers',
  busy: ({ ms }) => `is busy: asked again in ${ms} ms`,
  'queue-full': ({ requests }) => `has ${requests} requests of ours to answer already`,
  'gateway-spared': () => 'a gateway: asked only for what no agent has',
  'other-site': () => 'of another site: what it has crosses the WAN',
  'claims-ignored': () => 'claimed and brought nothing: its claims do not count for now',
  slow: ({ chunkMs, bestMs }) => `slow: ${chunkMs} ms a chunk, where the quickest takes ${bestMs} ms`
}

const ofPolicy: Sentences<PolicyReason> = {
  'peering-not-allowed': ({ why }) => `no peers: ${why}`,
  'upload-not-allowed': ({ why }) => `gives nothing to others: ${why}`,
  'peers-within': ({ scope, within }) =>
    [
      scope === 'nobody' ? 'shares with nobody' : scope === 'group' ? 'shares with its group only' : '',
      within === 'subnet' ? 'only with machines of its subnets' : '',
      within === 'link' ? 'only with machines that it hears by multicast' : ''
    ]
      .filter(text => text !== '')
      .join(', '),
  'nothing-kept': ({ why }) => `nothing is kept: ${why}`,
  'peers-refused': ({ reason, count }) => `${count} contacts with agents failed: ${safeText(reason)}`
}

function say<Reason extends AnyReason>(sentences: Sentences<Reason>, reason: Reason): string {
  // The map has the sentence of just this code; that its params fit cannot be said to the compiler over a union.
  const sentence = sentences[reason.code as Reason['code']] as (params: object) => string
  return sentence(reason.params)
}

export const transferReasonText = (reason: TransferReason): string => say(ofTransfers, reason)
export const peerReasonText = (reason: PeerReason): string => say(ofPeers, reason)
export const policyReasonText = (reason: PolicyReason): string => say(ofPolicy, reason)
