/** `starling doctor`: what is well with the running agent and what is not, and what to do about it. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { HealthCheck, HealthView } from '../views.ts'
import { requireAgent } from './api.ts'
import { safeText } from './format.ts'
import type { CommandTools } from './services.ts'

/** ASCII, because the consoles of Windows servers are what they are. */
const marks = { ok: 'ok ', warn: '!  ', bad: 'BAD', unknown: '?  ' } as const

/** @throws StarlingError `not-well` */
export async function doctor(
  { dataFolder, json }: { readonly dataFolder: string; readonly json: boolean },
  { terminal }: CommandTools
): Promise<void> {
  const api = await requireAgent(dataFolder)
  const health = (await api.look('/api/v1/health')) as HealthView
  terminal.print(json ? JSON.stringify(health) : health.checks.map(checkText).join('\n'))
  const bad = health.checks.filter(({ state }) => state === 'bad')
  if (bad.length > 0)
    throw new StarlingError('not-well', `something is wrong: ${bad.map(({ name }) => name).join(', ')}`)
}

function checkText({ name, state, text, advice }: HealthCheck): string {
  const found = `${marks[state]}  ${name.padEnd(12)} ${safeText(text)}`
  return advice === null ? found : `${found}\n${' '.repeat(18)}-> ${safeText(advice)}`
}
