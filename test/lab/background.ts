/**
 * Somebody downloads a file directly while all agents of the site get another one in the background over the same line.
 * What counts is how much longer it takes than alone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { bytesText, secondsText } from '../demo/words.ts'
import { idlePercent, readCpuClock } from './machine.ts'
import type { Plan } from './options.ts'
import type { Stage } from './stage.ts'

export interface BackgroundFigures {
  readonly agents: number
  readonly size: Bytes
  /** Bits a second. */
  readonly wan: number
  readonly wanQueueMs: Millis
  readonly foregroundAloneMs: Millis
  readonly foregroundMs: Millis
  readonly foregroundSlowdown: number
  /** What crossed the WAN for the background, in copies: before, during and in all. */
  readonly backgroundBefore: number
  readonly backgroundDuring: number
  readonly wanAmplification: number
  /** From its start, with the time that the foreground took. */
  readonly backgroundMs: Millis
  readonly cpuIdlePercent: number
  readonly violations: readonly string[]
}

const paths = { alone: '/alone.msu', foreground: '/foreground.msu', background: '/background.msu' }
/** By then the agents have found the rate of the line. */
const startedShare = 0.2
const lookEveryMs: Millis = 100

export async function besideForeground(
  stage: Stage,
  plan: Plan,
  say: (text: string) => void
): Promise<BackgroundFigures> {
  const { endpoints } = stage
  const [desk] = endpoints
  const seed = `lab ${plan.seed}`
  const sha256 = await sha256Of(seededContent(seed, plan.sizeBytes))
  const put = (path: string): Promise<string> => stage.put(path, seed, plan.sizeBytes)
  const copies = async (): Promise<number> => (await stage.bodyBytes(paths.background)) / plan.sizeBytes

  say('a foreground download alone on the line')
  const alone = await desk!.downloadDirectly(await put(paths.alone))
  const url = await put(paths.background)
  const foregroundUrl = await put(paths.foreground)
  say(`${plan.agents} agents download in the background`)
  const startedAt = performance.now()
  const all = Promise.all(endpoints.map(one => one.download({ url, isHashed: true, isBackground: true })))
  // Looked at below, when its turn has come.
  all.catch(() => {})
  const deadline = startedAt + 2 * alone.ms + minuteMs
  while ((await copies()) < startedShare && performance.now() < deadline) await sleep(lookEveryMs)
  say('and now somebody waits for another file')
  const cpuBefore = readCpuClock()
  const before = await copies()
  const foreground = await desk!.downloadDirectly(foregroundUrl)
  const idle = idlePercent(cpuBefore, readCpuClock())
  const after = await copies()
  const downloads = await all
  return {
    agents: plan.agents,
    size: plan.sizeBytes,
    wan: plan.wanRate * 8,
    wanQueueMs: plan.wanQueueMs,
    foregroundAloneMs: alone.ms,
    foregroundMs: foreground.ms,
    foregroundSlowdown: Number((foreground.ms / alone.ms).toFixed(4)),
    backgroundBefore: Number(before.toFixed(3)),
    backgroundDuring: Number((after - before).toFixed(3)),
    wanAmplification: Number((await copies()).toFixed(4)),
    backgroundMs: Math.round(performance.now() - startedAt),
    cpuIdlePercent: Number(idle.toFixed(1)),
    violations: [
      ...(after < 1 ? [] : ['the background was done before the foreground: there was nothing to yield']),
      ...[alone, foreground, ...downloads].flatMap(got =>
        got.sha256 === sha256 ? [] : [`a download differs from what the origin has (status ${got.status})`]
      )
    ]
  }
}

export function backgroundLines(figures: BackgroundFigures): string[] {
  return [
    '',
    `foreground alone      ${secondsText(figures.foregroundAloneMs)} for ${bytesText(figures.size)}`,
    `beside the background ${secondsText(figures.foregroundMs)}, ${figures.foregroundSlowdown} times as long`,
    `the background        ${figures.backgroundBefore} copies before, ${figures.backgroundDuring} beside the foreground, ${figures.wanAmplification} in all, after ${secondsText(figures.backgroundMs)}`,
    `the machine           ${figures.cpuIdlePercent} % idle while both ran`,
    `violations            ${figures.violations.length === 0 ? 'none' : figures.violations.join('; ')}`
  ]
}
