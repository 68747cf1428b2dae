/**
 * Words in the reader's language. Messages are files of ICU messages (`{count, plural, one {# peer} other {# peers}}`), one
 * a language; the English one says which there are, and the compiler holds the others to it. To add a language: a file
 * beside en.json, a line in the page's `languages`.
 *
 * Numbers and dates follow the browser's own locale where it is of the chosen language, so that a Swiss reader of English
 * keeps her digits.
 */
import { IntlMessageFormat } from 'intl-messageformat'

export type Values = Readonly<Record<string, string | number>>
export type Translate<Key extends string> = (key: Key, values?: Values) => string

/** Where the choice is kept; another page on the same host and port would be another Starling. */
const storageKey = 'starling.language'

export interface Language {
  /** As the language calls itself. */
  readonly label: string
  readonly load: () => Promise<Readonly<Record<string, string>>>
}

export interface Words<Key extends string> {
  readonly t: Translate<Key>
  /** BCP 47, for Intl and for `<html lang>`. */
  readonly locale: string
  readonly language: string
}

/** The language to begin with: the reader's choice, else the browser's first that we know, else English. */
export function chooseLanguage(
  known: readonly string[],
  asked: readonly string[],
  kept: string | null
): string {
  const wishes = kept === null ? asked : [kept, ...asked]
  const found = wishes.map(wish => wish.toLowerCase().split('-')[0] ?? '').find(wish => known.includes(wish))
  return found ?? known[0] ?? 'en'
}

export async function loadWords<Key extends string>(
  languages: Readonly<Record<string, Language>>
): Promise<Words<Key>> {
  const language = chooseLanguage(
    Object.keys(languages),
    navigator.languages,
    localStorage.getItem(storageKey)
  )
  const messages = (await languages[language]?.load()) ?? {}
  const locale = navigator.languages.find(tag => tag.toLowerCase().split('-')[0] === language) ?? language
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : language
  return { t: translator(messages, locale), locale, language }
}

/** Kept for the next visit; the caller loads the page's words anew. */
export function keepLanguage(language: string): void {
  localStorage.setItem(storageKey, language)
}

/** A message that is missing shows its key: ugly, and found at once. */
export function translator<Key extends string>(
  messages: Readonly<Record<string, string>>,
  locale: string
): Translate<Key> {
  const made = new Map<string, IntlMessageFormat>()
  return (key, values) => {
    const text = messages[key]
    if (text === undefined) return key
    if (values === undefined) return text
    let format = made.get(key)
    if (format === undefined) {
      format = new IntlMessageFormat(text, locale, undefined, { ignoreTag: true })
      made.set(key, format)
    }
    return String(format.format(values))
  }
}
