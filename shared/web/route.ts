/**
 * Where the reader is, kept in the address behind `#`: links work, back works, a reload stays, and the server has one
 * document. `#/sites/berlin?tab=peers`.
 */
import { useEffect, useState } from 'preact/hooks'

export interface Place {
  /** Decoded parts of the path: `['sites', 'berlin']`. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2)
  return { path: path.split('/').filter(Boolean).map(decoded), query: new URLSearchParams(query) }
}

/** For `href`. What comes from outside is encoded, so a name with a slash is one part. */
export function linkTo(path: readonly string[], query: Readonly<Record<string, string | null>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== null)
  const search = new URLSearchParams(given).toString()
  return `#/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash))
  useEffect(() => {
    const moved = () => setPlace(placeOf(location.hash))
    window.addEventListener('hashchange', moved)
    return () => window.removeEventListener('hashchange', moved)
  }, [])
  return place
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
