/**
 * The rollouts' shell: every coordinator writes down what it hears of agents while a rollout is on, one of them reads all
 * of it, runs the core and writes down what that decides. When that one dies, another begins with the same database.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Spans } from '@starling/agent/telemetry/spans.ts'
import { messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { PolicyScope, ScopedMember } from '@starling/shared/policy-scope.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from './log.ts'
import { createRolloutSpans } from './rollout-spans.ts'
import type { HeardRecord, PolicyStore, RolloutCore, RolloutEvent, RolloutView } from './ports.ts'

/** Within which what one coordinator hears is seen by the one that leads; its judgements come no oftener. */
const tickMsMax: Millis = 5 * secondMs
/** Notes of another coordinator may become visible so much after the time that stands on them. */
const noteLagMs: Millis = 30 * secondMs

export interface Rollouts {
  heard(record: HeardRecord): void
  /** What the leader sees of a rollout; null: none is on, or another coordinator leads. */
  view(scope: PolicyScope): RolloutView | null
  stop(): Promise<void>
}

export interface RolloutParts {
  readonly store: PolicyStore
  readonly lead: (onLeader: (until: AbortSignal) => void) => () => void
  readonly onChange: (handler: () => void) => () => void
  readonly createCore: () => RolloutCore
  readonly anyRollout: () => boolean
  readonly members: () => Promise<readonly ScopedMember[]>
  readonly note: (at: Millis, kind: string, detail: string) => Promise<void>
  readonly spans: Spans
  readonly log: Log
  readonly clock: () => Millis
}

export function runRollouts(parts: RolloutParts, heartbeatMs: Millis): Rollouts {
  const { store, log, clock } = parts
  const tickMs = Math.min(tickMsMax, heartbeatMs)
  let heard = new Map<AgentId, HeardRecord>()
  let core: RolloutCore | null = null
  /** Work of ticks and changes, one after the other. */
  let work: Promise<void> = Promise.resolve()
  const undo: Array<() => void> = []

  function then(what: () => Promise<void>): void {
    work = work.then(what).catch((error: unknown) => {
      log.warn({ why: messageOf(error) }, 'rollouts could not be looked after; it is tried again')
    })
  }

  async function writeHeard(): Promise<void> {
    if (heard.size === 0) return
    const writing = heard
    heard = new Map()
    try {
      await store.noteHeard([...writing.values()], now())
    } catch (error) {
      heard = new Map([...writing, ...heard])
      throw error
    }
  }

  const now = (): Millis => Math.floor(clock())

  function lead(until: AbortSignal): void {
    const own = parts.createCore()
    core = own
    const revisions = new Map<PolicyScope, number>()
    const told = createRolloutSpans(parts.spans)
    let readTo: Millis = 0
    let isReadDue = false
    /** The core may hold for done what is not: the database did not answer. */
    let isAstray = true

    async function readScopes(): Promise<void> {
      const { scopes } = await store.policies()
      for (const { policy, revision } of scopes) {
        if (revisions.get(policy.scope) === revision) continue
        revisions.set(policy.scope, revision)
        told.see(policy, now())
        await step({ type: 'scope', policy })
      }
    }

    async function readMembers(): Promise<void> {
      for (const member of await parts.members()) await step({ type: 'member', ...member })
    }

    async function readAll(): Promise<void> {
      await readMembers()
      await readScopes()
      isAstray = false
    }

    async function step(event: RolloutEvent): Promise<void> {
      const decided = own.step(event, now()).map(effect => ({
        ...effect,
        revision: revisions.get(effect.scope) ?? 0
      }))
      if (decided.length === 0) return
      // Until it is written down, the core is put right by what stands in the database.
      for (const { scope } of decided) revisions.delete(scope)
      isAstray = true
      for (const { scope, what, why, after, revision } of decided) {
        if (until.aborted) return
        if (await store.change(after, revision, now())) {
          revisions.set(scope, revision + 1)
          told.see(after, now())
          const { rollout } = after
          const detail = `${scope} version ${rollout?.to}, stage ${(rollout?.stage ?? 0) + 1}: ${why}`
          log[what === 'rolled-back' ? 'warn' : 'info']({ scope, what, why }, 'rollout')
          await parts.note(now(), `rollout-${what}`, detail)
        } else {
          // An admin was faster.
          await readScopes()
        }
      }
      isAstray = false
    }

    async function tick(): Promise<void> {
      if (until.aborted) return
      if (isAstray) await readAll()
      if (own.wakeAt() === null) return
      const readFrom = now()
      for (const { site, group, ...record } of await store.heardSince(readTo - noteLagMs)) {
        const { agent, heardAt, standing, downloads, errors } = record
        await step({ type: 'member', agent, site, group })
        // Clocks of coordinators differ a little.
        const at = Math.min(heardAt, now())
        await step({ type: 'heard', agent, at, standing, downloads, errors })
      }
      readTo = readFrom
      await step({ type: 'woke' })
    }

    /** What changes before the reading begins is read with it: at the start, all that it follows says that it may have changed. */
    function readSoon(): void {
      if (isReadDue) return
      isReadDue = true
      then(async () => {
        await nextTurn()
        isReadDue = false
        isAstray = true
        if (!until.aborted) await readAll()
      })
    }

    const unlisten = parts.onChange(readSoon)
    readSoon()
    const timer = setInterval(() => {
      then(tick)
    }, tickMs)
    timer.unref()
    until.addEventListener('abort', () => {
      clearInterval(timer)
      unlisten()
      told.end()
      if (core === own) core = null
    })
  }

  const writing = setInterval(() => {
    then(writeHeard)
  }, tickMs)
  writing.unref()
  undo.push(() => {
    clearInterval(writing)
  })
  undo.push(parts.lead(lead))

  return {
    heard(record) {
      if (parts.anyRollout()) heard.set(record.agent, record)
    },
    view: scope => core?.view(scope, now()) ?? null,
    async stop() {
      for (const step of undo.splice(0).reverse()) step()
      await work
    }
  }
}
