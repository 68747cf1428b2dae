/** `starling upstreams`: who is asked beyond the site, and how each of them does; and the part of it that one download took. */
import type { Millis } from '@starling/shared/units.ts'
import type { UpstreamPhase, UpstreamView } from '../ports.ts'
import { requireAgent } from './api.ts'
import { formatSpan, safeText, table } from './format.ts'
import type { CommandTools } from './services.ts'
import type { StatusOptions } from './status.ts'

export async function showUpstreams(
  { dataFolder, json }: StatusOptions,
  { terminal }: CommandTools
): Promise<void> {
  const api = await requireAgent(dataFolder)
  const upstreams = await api.upstreams()
  if (json) return terminal.print(JSON.stringify(upstreams))
  terminal.print(
    table(
      [
        'UPSTREAM',
        'KIND',
        'STATE',
        'IN FLIGHT',
        'REQUESTS',
        'FAILED',
        'RETRIES',
        'HEDGES',
        'RESUMES',
        'P50',
        'P95',
        'ADDRESS'
      ],
      upstreams.map(one => [
        safeText(one.name),
        one.kind,
        one.state,
        ...[one.inFlight, one.requests, one.failures, one.retries, one.hedges, one.resumes].map(String),
        one.firstByteMs === null ? '-' : formatMs(one.firstByteMs.p50),
        one.firstByteMs === null ? '-' : formatMs(one.firstByteMs.p95),
        safeText(one.address ?? '-')
      ])
    )
  )
  const problems = upstreams.filter(({ lastProblem }) => lastProblem !== null)
  if (problems.length === 0) return
  terminal.print('\nlast problems:')
  for (const { name, lastProblem } of problems) {
    const { at, text } = lastProblem!
    terminal.print(`  ${safeText(name)}, ${formatSpan(Date.now() - at)} ago: ${safeText(text)}`)
  }
}

/**
 * What was asked of each upstream between two looks, a line for each that was asked: the mean of each part of a request. What
 * others fetched meanwhile is in it too.
 */
export function upstreamsBetween(
  before: readonly UpstreamView[],
  after: readonly UpstreamView[]
): readonly string[] {
  return after.flatMap(now => {
    const then = before.find(({ name }) => name === now.name)
    const requests = now.requests - (then?.requests ?? 0)
    if (requests === 0) return []
    const parts = (Object.keys(now.phases) as UpstreamPhase[]).flatMap(phase => {
      const count = now.phases[phase].count - (then?.phases[phase].count ?? 0)
      const seconds = now.phases[phase].sumSeconds - (then?.phases[phase].sumSeconds ?? 0)
      return count === 0 ? [] : [`${phase} ${formatMs((seconds * 1000) / count)}`]
    })
    const times = requests === 1 ? '1 request' : `${requests} requests`
    return [`upstream ${safeText(now.name)}: ${times}${parts.length === 0 ? '' : `, ${parts.join(', ')}`}`]
  })
}

function formatMs(ms: Millis): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}
