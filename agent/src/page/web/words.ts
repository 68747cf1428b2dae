/** The page's words: which there are (English says), and in which languages. */
import type { Language } from '@starling/shared/web/i18n.ts'
import type { CacheHosts } from '@starling/shared/policy/effective.ts'
import { useWords } from '@starling/shared/web/page-words.tsx'
import type { Source } from '@starling/shared/web/source-bar.tsx'
import type { SaidKey } from '@starling/shared/web/said.ts'
import type en from './messages/en.json'

export type Key = keyof typeof en
/** What the agent says in English by itself: other languages have words for it. */
type Said = SaidKey | `cacheHosts.${CacheHosts['source']}`

export const languages: Readonly<Record<string, Language>> = {
  en: { label: 'English', load: async () => (await import('./messages/en.json')).default },
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
