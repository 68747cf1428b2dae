/**
 * Names from the network as they may be shown. Preact writes text as text, never as HTML; what is left to do here is what
 * HTML cannot know: characters that turn text round or hide in it.
 */

/** What could turn the text round or hide in it becomes visible. */
export function safeText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd')
}

/** The last part of a key's path, for people; the whole key when there is none. */
export function nameOf(key: string): string {
  const last =
    key
      .replace(/[?#].*$/s, '')
      .replace(/\/+$/, '')
      .split('/')
      .at(-1) ?? ''
  return safeText(last === '' ? key : last)
}

/** The host part of a key. */
export function hostOf(key: string): string {
  return safeText(key.split('/')[0] ?? '')
}

/** Enough of an agent's id to tell it from others. */
export function shortId(id: string): string {
  return safeText(id.length > 16 ? `…${id.slice(-8)}` : id)
}
