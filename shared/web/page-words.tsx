/** The reader's words and numbers, for every component below: `const { t, format } = useWords<Key>()`. */
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import { createFormat, type Format } from './format.ts'
import { keepLanguage, loadWords, type Language, type Translate, type Words } from './i18n.ts'

export interface PageWords<Key extends string> extends Words<Key> {
  readonly format: Format
  readonly languages: Readonly<Record<string, Language>>
  readonly change: (language: string) => void
}

const context = createContext<PageWords<string> | null>(null)

export function useWords<Key extends string>(): Omit<PageWords<Key>, 't'> & { readonly t: Translate<Key> } {
  const words = useContext(context)
  if (words === null) throw new Error('outside of PageWordsProvider')
  return words as unknown as PageWords<Key>
}

/** Shows nothing until the words are here: a page that changes its language while it is read would be worse. */
export function PageWordsProvider(props: {
  readonly languages: Readonly<Record<string, Language>>
  readonly children: ComponentChildren
}) {
  const [words, setWords] = useState<PageWords<string> | null>(null)
  useEffect(() => {
    const load = async () => {
      const loaded = await loadWords<string>(props.languages)
      setWords({
        ...loaded,
        format: createFormat(loaded.locale),
        languages: props.languages,
        change(language) {
          keepLanguage(language)
          void load()
        }
      })
    }
    void load()
  }, [props.languages])
  return words === null ? null : <context.Provider value={words}>{props.children}</context.Provider>
}
