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
import { hourMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { join } from 'node:path'
import { z } from 'zod'
import type { Log } from '../log.ts'
import type { SourcedValue } from '../ports.ts'
import type { MembershipFiles } from './membership.ts'
import {
  beforeOf,
  beforeStart,
  trialMs as usualTrialMs,
  whyCutOff,
  type Before,
  type Reach
} from './policy-trial.ts'

/** A policy under which the agent dies is not tried for ever. */
const startsInTrialMax = 3
/** What was refused may fit later: the line is whole again, the program newer. */
const refusedForMs: Millis = hourMs
/** An old copy, or one for others: that says nothing of what stands in it, and a coordinator that goes back to that says it again. */
const misdirectedForMs: Millis = 30 * secondMs

export interface PolicyParts {
  readonly self: AgentId
  readonly files: Pick<MembershipFiles, 'readFile' | 'writeFile'>
  readonly verify: (policy: SignedPolicy) => boolean
  /**
   * Acts on it from now on: the first scope counts most, and names stand in them that are known and in range.
   * @returns why it cannot, and goes on with what was before; null: it does
   */
  readonly apply: (scopes: readonly ScopedPolicy[]) => Promise<string | null>
  /** Whether something of it takes effect at the next start only. */
  readonly waits: () => boolean
  readonly reach: () => Reach
  /** What an admin should know; null: all is well again. */
  readonly problem: (sentence: string | null) => void
  readonly log: Log
  /** For spans of time only: a machine's clock that is set right makes none longer. */
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
  /** Something upstream could be reached before it was taken: what it changes at the next start is judged after that. */
  readonly upstreamWorked: boolean
  /** The highest number that was ever taken: what is gone back to has a lower one. */
  readonly number: number
}

const keptShape: z.ZodType<Kept> = z.strictObject({
  good: signedPolicyShape.nullable(),
  trial: signedPolicyShape.nullable(),
  starts: z.number().int().nonnegative(),
  upstreamWorked: z.boolean(),
  number: z.number().int().nonnegative()
})
const fileName = 'policy.cbor'
const nothingKept: Kept = { good: null, trial: null, starts: 0, upstreamWorked: false, number: 0 }

export function createPolicyKeeper(parts: PolicyParts, dataFolder: string): PolicyKeeper {
  const { files, log, clock = () => performance.now(), trialMs = usualTrialMs } = parts
  const path = join(dataFolder, fileName)
  let kept = nothingKept
  let refused: { readonly digest: string; readonly reason: string; readonly until: Millis } | null = null
  /** Of what was refused last: whoever sends it again and again is not answered at once each time. */
  let told: string | null = null
  let reached = false
  let isWritten = true
  let timer: NodeJS.Timeout | undefined
  /** One change after the other: what comes by news and by heartbeat may come at once. */
  let work: Promise<unknown> = Promise.resolve()
  let stopped = false

  const inForce = (): SignedPolicy | null => kept.trial ?? kept.good

  /** A disk that is full is in the way of no policy: an agent that starts anew has the one before, and is told again. */
  async function keep(next: Kept): Promise<void> {
    kept = next
    try {
      await files.writeFile(path, encode(next))
      isWritten = true
    } catch (error) {
      if (isWritten)
        parts.problem(
          `The coordinator's policy cannot be written down (${messageOf(error)}): make room in the data folder, or it is forgotten at the next start.`
        )
      isWritten = false
    }
  }

  /** @returns why it cannot be acted on */
  async function act(policy: SignedPolicy | null): Promise<string | null> {
    const { scopes, unknown } = known(policy)
    const whyNot = await parts.apply(scopes)
    if (whyNot !== null) return whyNot
    parts.problem(
      unknown.length === 0
        ? null
        : `The coordinator's policy has names that this version does not know: ${unknown.slice(0, 8).join(', ')}. Update this agent.`
    )
    return null
  }

  function refuse(policy: SignedPolicy, reason: string, forMs = refusedForMs): void {
    const until = clock() + forMs
    told = policyDigest(policy)
    refused = { digest: policyDigest(policy), reason: reason.slice(0, reasonLengthMax), until }
    log.warn({ number: policy.number, reason }, 'policy refused')
  }

  function beginTrial(before: Before): void {
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

  async function endTrial(before: Before): Promise<void> {
    const { trial } = kept
    if (trial === null || stopped) return
    const why = whyCutOff(before, parts.reach(), reached)
    // What has not come into effect has not been tried: it stays on trial until the start after which it has.
    if (why === null && parts.waits()) return
    if (why === null) return await keep({ ...kept, good: trial, trial: null, starts: 0 })
    await goBack(trial, `it cut this agent off: ${why}; it has gone back to the one before`)
  }

  async function goBack(trial: SignedPolicy, why: string): Promise<void> {
    refuse(trial, why)
    clearTimeout(timer)
    const whyNot = await act(kept.good)
    if (whyNot !== null) log.error({ why: whyNot }, 'the policy from before cannot be gone back to')
    await keep({ ...kept, trial: null, starts: 0 })
  }

  /** While another one is on trial, what worked before that counts. */
  function beforeSaid(reach: Reach): Before {
    const before = beforeOf(reach)
    return kept.trial !== null && kept.upstreamWorked ? { ...before, upstreamWorked: true } : before
  }

  /** Null: it is the coordinator's word to us. */
  function whyMisdirected(policy: SignedPolicy, fleet: AgentId): string | null {
    if (policy.fleet !== fleet) return 'it is of another fleet'
    if (!parts.verify(policy)) return 'its signature is wrong'
    if (policy.number < kept.number)
      return `it is older (${policy.number}) than the one this agent has (${kept.number})`
    const others = policy.scopes.find(
      ({ scope }) => scope.startsWith('device:') && scope !== `device:${parts.self}`
    )
    return others === undefined ? null : `it is for another agent (${others.scope})`
  }

  return {
    async load(fleet) {
      kept = (await readKept(path, files.readFile)) ?? nothingKept
      const policy = inForce()
      if (policy === null) return
      if (policy.fleet !== fleet || !parts.verify(policy)) {
        kept = nothingKept
        await parts.apply([])
        return
      }
      const { trial } = kept
      if (trial === null) {
        const whyNot = await act(policy)
        if (whyNot !== null) log.error({ why: whyNot }, 'the kept policy cannot be acted on')
        return
      }
      if (kept.starts >= startsInTrialMax)
        return await goBack(trial, `this agent was started ${kept.starts} times while it was on trial`)
      await keep({ ...kept, starts: kept.starts + 1 })
      beginTrial(beforeStart(kept.upstreamWorked))
      const whyNot = await act(trial)
      if (whyNot !== null) await goBack(trial, whyNot)
    },
    report() {
      const policy = inForce()
      if (refused !== null && clock() >= refused.until) refused = null
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
        const misdirected = whyMisdirected(policy, fleet)
        const reason = misdirected ?? known(policy).fault
        if (reason !== null) {
          const isNew = told !== digest
          refuse(policy, reason, misdirected === null ? refusedForMs : misdirectedForMs)
          return isNew
        }
        if (now !== null && policyDigest(now) === digest) return false
        const [before, reach] = [kept, beforeSaid(parts.reach())]
        // One that is still on trial has not proven to be good; what was before it has.
        const { upstreamWorked } = reach
        await keep({ ...before, trial: policy, starts: 0, upstreamWorked, number: policy.number })
        const whyNotNow = await act(policy)
        if (whyNotNow !== null) {
          refuse(policy, whyNotNow)
          await keep({ ...before, number: policy.number })
          return true
        }
        refused = null
        told = null
        beginTrial(reach)
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
      if (!isWritten && !stopped) work = work.then(() => keep(kept))
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    }
  }
}

/** As the layers of configuration have it: the most special scope last. */
export function policyValues(scopes: readonly ScopedPolicy[]): SourcedValue[] {
  return scopes
    .toReversed()
    .flatMap(({ scope, version, document }) =>
      Object.entries(document).map(([name, value]) => ({ name, value, place: `${scope} version ${version}` }))
    )
}

/**
 * What an agent of this folder was told last, for its first look at its configuration: what cannot change while it runs
 * would never count else. Whether it is of our fleet is checked when the membership is loaded.
 */
export async function keptPolicyValues(
  dataFolder: string,
  readFile: MembershipFiles['readFile']
): Promise<SourcedValue[]> {
  const kept = await readKept(join(dataFolder, fileName), readFile)
  if (kept === null) return []
  const isGivenUp = kept.trial !== null && kept.starts >= startsInTrialMax
  return policyValues(known(isGivenUp ? kept.good : (kept.trial ?? kept.good)).scopes)
}

async function readKept(path: string, readFile: MembershipFiles['readFile']): Promise<Kept | null> {
  const bytes = await readFile(path)
  if (bytes === null) return null
  try {
    return keptShape.parse(decode(bytes))
  } catch {
    // The coordinator sends it again.
    return null
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
