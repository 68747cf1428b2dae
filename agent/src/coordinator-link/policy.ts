/**
 * The coordinator's policy on this machine: taken only when it is of our fleet, signed, and not older than what we have;
 * written down before it is acted on; on trial for a minute, and given back when it cuts us off. What is on disk is what
 * the agent starts with, whether or not a coordinator answers.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { policyField } from '@starling/shared/policy/policy.ts'
import {
  emptyPolicyDigest,
  policyDigest,
  reasonLengthMax,
  signedPolicyShape,
  type PolicyReport,
  type ScopedPolicy,
  type SignedPolicy
} from '@starling/shared/signed-policy.ts'
import { hourMs, type Millis } from '@starling/shared/units.ts'
import { join } from 'node:path'
import { z } from 'zod'
import type { Log } from '../log.ts'
import type { MembershipFiles } from './membership.ts'
import { trialMs as usualTrialMs, whyCutOff, type Reach } from './policy-trial.ts'

/** A policy under which the agent dies is not tried for ever. */
const startsInTrialMax = 3
/** What was refused may fit later: the line is whole again, the program newer. */
const refusedForMs: Millis = hourMs

export interface PolicyParts {
  readonly self: AgentId
  readonly files: Pick<MembershipFiles, 'readFile' | 'writeFile'>
  readonly verify: (policy: SignedPolicy) => boolean
  /** Acts on it from now on: the first scope counts most, and names stand in them that are known and in range. */
  readonly apply: (scopes: readonly ScopedPolicy[]) => void
  readonly reach: () => Reach
  /** What an admin should know; null: all is well again. */
  readonly problem: (sentence: string | null) => void
  readonly log: Log
  readonly clock?: () => Millis
  readonly trialMs?: Millis
}

export interface PolicyKeeper {
  /** Acts on what was kept, if it is of this fleet. */
  load(fleet: AgentId): Promise<void>
  report(): PolicyReport
  /** What the coordinator of this fleet sent. @returns whether the report has changed: it is to be told at once */
  take(policy: SignedPolicy, fleet: AgentId): Promise<boolean>
  coordinatorReached(): void
  stop(): void
}

interface Kept {
  /** What is gone back to; null: none. */
  readonly good: SignedPolicy | null
  /** What is acted on while it is on trial. */
  readonly trial: SignedPolicy | null
  /** How often the agent has started with it. */
  readonly starts: number
  /** The highest number that was ever taken: what is gone back to has a lower one. */
  readonly number: number
}

const keptShape: z.ZodType<Kept> = z.strictObject({
  good: signedPolicyShape.nullable(),
  trial: signedPolicyShape.nullable(),
  starts: z.number().int().nonnegative(),
  number: z.number().int().nonnegative()
})
const nothingKept: Kept = { good: null, trial: null, starts: 0, number: 0 }

export function createPolicyKeeper(parts: PolicyParts, dataFolder: string): PolicyKeeper {
  const { files, log, clock = Date.now, trialMs = usualTrialMs } = parts
  const path = join(dataFolder, 'policy.cbor')
  let kept = nothingKept
  let refused: { readonly digest: string; readonly reason: string; readonly at: Millis } | null = null
  let reached = false
  let timer: NodeJS.Timeout | undefined
  /** One change after the other: what comes by news and by heartbeat may come at once. */
  let work: Promise<unknown> = Promise.resolve()
  let stopped = false

  const inForce = (): SignedPolicy | null => kept.trial ?? kept.good

  async function keep(next: Kept): Promise<void> {
    await files.writeFile(path, encode(next))
    kept = next
  }

  function act(policy: SignedPolicy | null): void {
    const { scopes, unknown } = known(policy)
    parts.apply(scopes)
    parts.problem(
      unknown.length === 0
        ? null
        : `The coordinator's policy has names that this version does not know: ${unknown.slice(0, 8).join(', ')}. Update this agent.`
    )
  }

  function refuse(policy: SignedPolicy, reason: string): void {
    refused = { digest: policyDigest(policy), reason: reason.slice(0, reasonLengthMax), at: clock() }
    log.warn({ number: policy.number, reason }, 'policy refused')
  }

  function beginTrial(): void {
    const before = parts.reach()
    reached = false
    clearTimeout(timer)
    timer = setTimeout(() => {
      work = work
        .then(() => endTrial(before))
        .catch((error: unknown) => {
          log.error({ why: messageOf(error) }, "the end of a policy's trial could not be written down")
        })
    }, trialMs)
    timer.unref()
  }

  async function endTrial(before: Reach): Promise<void> {
    const { trial } = kept
    if (trial === null || stopped) return
    const why = whyCutOff(before, parts.reach(), reached)
    if (why === null) return await keep({ ...kept, good: trial, trial: null, starts: 0 })
    await goBack(trial, `it cut this agent off: ${why}; it has gone back to the one before`)
  }

  async function goBack(trial: SignedPolicy, why: string): Promise<void> {
    // Acted on first: if the disk fails, too, being reachable is worth more than being remembered.
    refuse(trial, why)
    act(kept.good)
    await keep({ ...kept, trial: null, starts: 0 })
  }

  /** Null: it may be acted on. */
  function whyNot(policy: SignedPolicy, fleet: AgentId): string | null {
    if (policy.fleet !== fleet) return 'it is of another fleet'
    if (!parts.verify(policy)) return 'its signature is wrong'
    if (policy.number < kept.number)
      return `it is older (${policy.number}) than the one this agent has (${kept.number})`
    const others = policy.scopes.find(
      ({ scope }) => scope.startsWith('device:') && scope !== `device:${parts.self}`
    )
    if (others !== undefined) return `it is for another agent (${others.scope})`
    return known(policy).fault
  }

  return {
    async load(fleet) {
      kept = (await read()) ?? nothingKept
      const policy = inForce()
      if (policy === null) return
      if (policy.fleet !== fleet || !parts.verify(policy)) {
        kept = nothingKept
        return
      }
      const { trial } = kept
      if (trial === null) return act(policy)
      if (kept.starts >= startsInTrialMax)
        return await goBack(trial, `this agent was started ${kept.starts} times while it was on trial`)
      await keep({ ...kept, starts: kept.starts + 1 })
      act(trial)
      beginTrial()
    },
    report() {
      const policy = inForce()
      if (refused !== null && clock() >= refused.at + refusedForMs) refused = null
      return {
        number: policy?.number ?? 0,
        digest: policy === null ? emptyPolicyDigest : policyDigest(policy),
        refused: refused === null ? null : { digest: refused.digest, reason: refused.reason }
      }
    },
    take(policy, fleet) {
      const done = work.then(async () => {
        if (stopped) return false
        const digest = policyDigest(policy)
        const now = inForce()
        const reason = whyNot(policy, fleet)
        if (reason !== null) {
          const isNew = refused?.digest !== digest
          refuse(policy, reason)
          return isNew
        }
        if (now !== null && policyDigest(now) === digest) return false
        // One that is still on trial has not proven to be good; what was before it has.
        await keep({ ...kept, trial: policy, starts: 0, number: policy.number })
        refused = null
        beginTrial()
        act(policy)
        log.info(
          { number: policy.number, scopes: policy.scopes.map(({ scope, version }) => `${scope} ${version}`) },
          'policy taken'
        )
        return true
      })
      work = done.catch(() => {})
      return done
    },
    coordinatorReached() {
      reached = true
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    }
  }

  async function read(): Promise<Kept | null> {
    const bytes = await files.readFile(path)
    if (bytes === null) return null
    try {
      return keptShape.parse(decode(bytes))
    } catch {
      log.warn({ path }, 'the kept policy cannot be read; the coordinator sends it again')
      return null
    }
  }
}

/** Without the names that this version does not know. A value that it does not understand spoils the whole: half a policy is none. */
function known(policy: SignedPolicy | null): {
  readonly scopes: readonly ScopedPolicy[]
  readonly unknown: readonly string[]
  readonly fault: string | null
} {
  const unknown = new Set<string>()
  let fault: string | null = null
  const scopes = (policy?.scopes ?? []).map(({ scope, version, document }) => {
    const entries = Object.entries(document).flatMap(([name, value]): Array<[string, unknown]> => {
      const field = policyField(name)
      if (field === undefined) {
        unknown.add(name)
        return []
      }
      const parsed = field.schema.safeParse(value)
      if (parsed.success) return [[name, parsed.data]]
      fault ??= `${name} of ${scope} cannot be ${JSON.stringify(value)?.slice(0, 60)}: ${parsed.error.issues[0]?.message ?? ''}`
      return []
    })
    return { scope, version, document: Object.fromEntries(entries) }
  })
  return { scopes, unknown: [...unknown], fault }
}
