/**
 * What programs say, in the reader's language: beside the sentence they give a code and its figures, and the language files have words for
 * the codes. A code without words (English has none of its own; a newer program's) is said in the program's sentence.
 */
import type { VerdictCode } from '../src/policy/peering.ts'
import { codeOf, messageOf } from '../src/errors.ts'
import type { Values } from './i18n.ts'
import { safeText } from './names.ts'
import { useWords } from './page-words.tsx'

/** What both pages show of the programs; every language but English has words for each. */
export type SaidKey = `verdict.${VerdictCode}` | 'refused.unreachable'

export type Say = (key: string, params: Values, sentence: string) => string

export function useSaid(): Say {
  const { t } = useWords<string>()
  return (key, params, sentence) => {
    try {
      const words = t(key, params)
      return words === key ? safeText(sentence) : words
    } catch {
      // An older program does not give all the figures that these words have a place for.
      return safeText(sentence)
    }
  }
}

/** Why something was refused or failed: of an error that the program answered, or of one on the way. */
export function useRefusal(): (error: unknown) => string {
  const said = useSaid()
  return error => {
    const sentence = messageOf(error)
    // What `fetch` throws when nobody answers; each browser has words of its own for it.
    const code = error instanceof TypeError ? 'unreachable' : codeOf(error)
    return said(`refused.${code}`, { sentence: safeText(sentence) }, sentence)
  }
}

/** Params of something that gives a verdict as its reason (`paramsOf` in peering.ts), with the reason in the reader's words. */
export function withReason(said: Say, params: Values): Values {
  const { why, reason } = params
  if (typeof why !== 'string' || typeof reason !== 'string') return params
  return { ...params, why: said(`verdict.${reason}`, params, why) }
}
