/** Which downloads are looked into: the first one, until the reader opens others or closes all. */
import { useEffect, useState } from 'preact/hooks'

/** The agent tells of no more at a time. */
const shownMax = 8

export function useShown(
  active: readonly string[]
): readonly [shown: readonly string[], toggle: (id: string) => void] {
  /** Undefined: the reader has not said, or what he looked at is over. */
  const [chosen, choose] = useState<readonly string[] | undefined>(undefined)
  const first = active[0]
  const shown = (chosen ?? []).filter(id => active.includes(id))
  const isOver = chosen !== undefined && shown.length < chosen.length
  useEffect(() => {
    if (isOver) choose(shown.length === 0 ? undefined : shown)
    else if (chosen === undefined && first !== undefined) choose([first])
  }, [isOver, shown.length, chosen, first])
  const toggle = (id: string) =>
    choose(shown.includes(id) ? shown.filter(other => other !== id) : [...shown, id].slice(-shownMax))
  return [shown, toggle]
}
