/** What becomes of the core's effects: which shell does what. */
import { messageOf } from '@starling/shared/errors.ts'
import type { Machine } from '@starling/shared/machine.ts'
import { isOf } from '@starling/shared/purge.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import type { AgentEffect, AgentEvent } from '../core/events.ts'
import type { Trust } from '../identity/trust.ts'
import type { Log } from '../log.ts'
import type { AccessLogPort, FlowsPort, PeersPort, SignerPort } from '../ports.ts'
import type { Proxy } from '../proxy/http-proxy.ts'
import type { Purging } from '../purging.ts'
import type { Reporter } from '../report.ts'
import { run, type Run } from '../run.ts'

export function runCore(
  core: Machine<AgentEvent, AgentEffect>,
  parts: {
    readonly flows: FlowsPort
    readonly network: Pick<PeersPort, 'say' | 'dial' | 'hangUp'>
    readonly signer: SignerPort
    readonly trust: Pick<Trust, 'proofOf'>
    readonly purging: Pick<Purging, 'keep'>
    /** Null: it is not up yet. */
    readonly proxy: () => Pick<Proxy, 'purge'> | null
    readonly accessLog: AccessLogPort
    readonly reporter: Pick<Reporter, 'report'>
    readonly log: Log
  }
): Run {
  const { flows, network, signer, trust, purging, proxy, accessLog, reporter, log } = parts
  const { self } = signer

  /** Digests of somebody else are of use only to who can check that he may sign: we pass on his proof. */
  function withProof(message: SwarmMessage): SwarmMessage {
    if (message.type !== 'digests' || message.digests.signed.issuer === self) return message
    return { ...message, proof: trust.proofOf(message.digests.signed.issuer) }
  }

  return run(core, {
    flows,
    say: (to, message) => {
      network.say(to, withProof(message))
    },
    dial: peer => {
      network.dial(peer)
    },
    hangUp: (peer, reason) => {
      network.hangUp(peer, reason)
    },
    signDigests: (transfer, entries, notBefore) => signer.signDigests(transfer, entries, notBefore),
    purgeInForce: ({ target, purgedAt }, all) => {
      // What was asked for here or told by the coordinator is written down where it comes in.
      const who = all.find(one => one.target === target && one.purgedAt === purgedAt)?.word?.signed.issuer
      if (who !== undefined && who !== self) accessLog.audit({ who, what: 'purge', detail: { target } })
      const forgotten = proxy()?.purge((key, contentClass) => isOf(target, { key, contentClass }))
      Promise.all([forgotten, purging.keep(all)]).catch((error: unknown) => {
        log.error({ problem: messageOf(error) }, 'a purge is forgotten when this agent stops')
      })
    },
    report: fact => {
      reporter.report(fact)
    },
    failed: (error, what) => {
      log.error(
        { problem: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
        `bug: ${what} failed`
      )
    },
    now: Date.now
  })
}
