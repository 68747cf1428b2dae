/**
 * Active probes: a server that is configured with one is asked something small now and then, so that its death is known
 * before a client meets it, and its return before `failTimeout` is over. A server in doubt is probed each second. The
 * timers hold no process up.
 */
import { messageOf } from '@starling/shared/errors.ts'
import { requestTargetOf } from '@starling/shared/request-target.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type { UpstreamProbe } from '@starling/shared/policy/upstreams.ts'
import { blameFor, TurnedAway } from './errors.ts'
import { isInDoubt } from './health-state.ts'
import { probeInDoubtMs } from './limits.ts'
import type { Server } from './server.ts'

export interface Probes {
  /** These are looked at from now on, and no others. */
  follow(servers: readonly Server[]): void
  /** Something went wrong with it: look soon. */
  readonly soon: (server: Server) => void
  stop(): void
}

export function createProbes({ log, now }: { readonly log: Log; readonly now: () => Millis }): Probes {
  /** Also of those that are being asked. */
  const timers = new Map<Server, { timer: NodeJS.Timeout; dueAt: Millis }>()
  const stopped = new AbortController()
  let followed: ReadonlySet<Server> = new Set()

  function plan(server: Server): void {
    const { probe } = server.planned
    if (probe === null || !followed.has(server) || stopped.signal.aborted) return
    const isDoubtful = isInDoubt(server.health, server.planned, now())
    const afterMs = isDoubtful ? Math.min(probe.intervalMs, probeInDoubtMs) : probe.intervalMs
    const known = timers.get(server)
    if (known !== undefined && known.dueAt <= performance.now() + afterMs) return
    clearTimeout(known?.timer)
    const timer = setTimeout(() => void look(server, probe), afterMs)
    timer.unref()
    timers.set(server, { timer, dueAt: performance.now() + afterMs })
  }

  async function look(server: Server, probe: UpstreamProbe): Promise<void> {
    const wasUp = server.health.kind === 'up'
    try {
      await ask(server, probe, stopped.signal)
      if (!wasUp) log.info({ server: server.label }, 'an upstream answers its probe again')
      server.works()
    } catch (error) {
      if (stopped.signal.aborted) return
      log.debug({ server: server.label, problem: messageOf(error) }, 'a probe failed')
      server.blame(blameFor(error) === 'sure')
    }
    clearTimeout(timers.get(server)?.timer)
    timers.delete(server)
    plan(server)
  }

  return {
    follow(servers) {
      followed = new Set(servers.filter(({ planned }) => planned.probe !== null))
      for (const [server, { timer }] of timers) {
        if (followed.has(server)) continue
        clearTimeout(timer)
        timers.delete(server)
      }
      for (const server of followed) plan(server)
    },
    soon(server) {
      // While it is being probed there is no need: what comes of that plans the next.
      if (timers.has(server)) plan(server)
    },
    stop() {
      stopped.abort()
      for (const { timer } of timers.values()) clearTimeout(timer)
    }
  }
}

async function ask({ label, route }: Server, probe: UpstreamProbe, stopped: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(probe.timeoutMs)])
  const { dispatcher, ...way } =
    probe.url === undefined
      ? { dispatcher: route.proxy!.pool, path: probe.path!, headers: {} }
      : route.way(new URL(probe.url), requestTargetOf(probe.url) ?? '/', {})
  const { statusCode, body } = await dispatcher.request({ ...way, method: 'GET', signal } as never)
  body.on('error', () => {}).destroy()
  if (statusCode !== probe.status)
    throw new TurnedAway(label, `should answer its probe with ${probe.status}`, statusCode)
}
