/** Stages of a rollout as people write them: `1,10,50,100`, `group:pilots,site:berlin+bonn,100`. */
import { StarlingError } from './errors.ts'
import type { SiteId } from './ids.ts'
import type { Millis } from './units.ts'

interface WrittenStage {
  who: { percent: number } | { sites: SiteId[] } | { groups: string[] }
  holdMs: Millis | null
}

/** @param holdMs of each stage; null: until an admin advances it. @throws StarlingError `bad-stages` */
export function stagesFromText(text: string, holdMs: Millis | null): WrittenStage[] {
  return text.split(',').map(word => ({ who: whoOf(word.trim()), holdMs }))
}

function whoOf(word: string): WrittenStage['who'] {
  const [, kind, name = ''] = /^(site|group):(.+)$/.exec(word) ?? []
  if (kind === 'site') return { sites: name.split('+') as SiteId[] }
  if (kind === 'group') return { groups: name.split('+') }
  const percent = Number(word.replace(/%$/, ''))
  if (percent > 0 && percent <= 100) return { percent }
  throw new StarlingError(
    'bad-stages',
    `"${word}" is no stage: give percentages, sites or groups, like 1,10,50,100 or group:pilots,site:berlin+bonn,100`
  )
}
