/** Light or dark as the system says, or as the reader chose; and the language. Both stay for the next visit. */
import { useState } from 'preact/hooks'
import { useWords } from './page-words.tsx'

const storageKey = 'starling.look'
const looks = ['system', 'light', 'dark'] as const
type Look = (typeof looks)[number]

/** Called before the first paint, so that a dark page does not flash. */
export function applyLook(look: string | null = localStorage.getItem(storageKey)): void {
  document.documentElement.style.colorScheme = look === 'light' || look === 'dark' ? look : ''
}

export function LookSettings(props: {
  readonly words: Readonly<Record<Look | 'look' | 'language', string>>
}) {
  const { languages, language, change } = useWords()
  const [look, setLook] = useState<Look>(() => {
    const kept = localStorage.getItem(storageKey)
    return looks.find(known => known === kept) ?? 'system'
  })
  return (
    <div class="settings">
      <select
        aria-label={props.words.language}
        value={language}
        onChange={event => change(event.currentTarget.value)}
      >
        {Object.entries(languages).map(([code, { label }]) => (
          <option key={code} value={code} lang={code}>
            {label}
          </option>
        ))}
      </select>
      <select
        aria-label={props.words.look}
        value={look}
        onChange={event => {
          const chosen = event.currentTarget.value as Look
          localStorage.setItem(storageKey, chosen)
          applyLook(chosen)
          setLook(chosen)
        }}
      >
        {looks.map(name => (
          <option key={name} value={name}>
            {props.words[name]}
          </option>
        ))}
      </select>
    </div>
  )
}
