/** Which download is looked into: the first one, until the reader opens another or closes all. */
import { useEffect, useState } from 'preact/hooks'

/** @returns null: none */
export function useShown(
  active: readonly string[]
): readonly [shown: string | null, show: (id: string | null) => void] {
  /** Undefined: the reader has not said, or what he looked at is over. */
  const [chosen, choose] = useState<string | null | undefined>(undefined)
  const first = active[0]
  const isOver = typeof chosen === 'string' && !active.includes(chosen)
  useEffect(() => {
    if (isOver) choose(undefined)
    else if (chosen === undefined && first !== undefined) choose(first)
  }, [isOver, chosen, first])
  return [isOver ? null : (chosen ?? null), choose]
}
