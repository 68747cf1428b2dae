/** A phone, as look.css draws the line: there some things are laid out anew and not only wrapped. */
import { useEffect, useState } from 'preact/hooks'

const narrow = '(max-width: 42rem)'

export function useNarrow(): boolean {
  const [is, setIs] = useState(() => matchMedia(narrow).matches)
  useEffect(() => {
    const query = matchMedia(narrow)
    const changed = () => setIs(query.matches)
    query.addEventListener('change', changed)
    return () => query.removeEventListener('change', changed)
  }, [])
  return is
}
