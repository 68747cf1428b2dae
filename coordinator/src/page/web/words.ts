/** The page's words: which there are (English says), and in which languages. */
import type { Language } from '@starling/shared/web/i18n.ts'
import { useWords } from '@starling/shared/web/page-words.tsx'
import type { Source } from '@starling/shared/web/source-bar.tsx'
import type { PolicyFieldView, PolicyFinding } from '@starling/shared/admin-api/policy.ts'
import type { SaidKey } from '@starling/shared/web/said.ts'
import type { RefusalCode } from '@starling/shared/admin-api/refusals.ts'
import { problemAdvice, type FleetProblem } from '@starling/shared/fleet-problems.ts'
import type en from './messages/en.json'

/** What to do about a problem: in English the command line says the same. */
type AdviceKey = `advice.${FleetProblem}`
export type Key = keyof typeof en | AdviceKey
/** What the coordinator says in English by itself: other languages have words for it. */
type Said =
  | SaidKey
  | `refused.${RefusalCode}`
  | `finding.${Exclude<PolicyFinding['kind'], 'odd'> | 'reason' | 'more'}`
  | `policy.form.${Exclude<PolicyFieldView['kind'], 'text' | 'list' | 'objects'>}`

const advice = Object.fromEntries(
  Object.entries(problemAdvice).map(([problem, sentence]) => [`advice.${problem}`, sentence])
)

export const languages: Readonly<Record<string, Language>> = {
  en: {
    label: 'English',
    load: async () => ({ ...advice, ...(await import('./messages/en.json')).default })
  },
  zh: {
    label: '中文',
    load: async () => {
      const [ours, common] = await Promise.all([
        import('./messages/zh.json'),
        import('@starling/shared/web/messages/zh.json')
      ])
      return { ...common.default, ...ours.default } satisfies Record<Key | Said, string>
    }
  }
}

export const useText = () => useWords<Key>()

export function useSourceNames(): Readonly<Record<Source, string>> {
  const { t } = useText()
  return {
    cache: t('source.cache'),
    peers: t('source.peers'),
    gateway: t('source.gateway'),
    origin: t('source.origin')
  }
}
