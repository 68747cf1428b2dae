/** A view whose code is fetched when somebody first looks at it, so that the first paint does not wait for it. */
import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useRefusal } from '@starling/shared/web/said.ts'
import { useText } from './words.ts'

/** @param load called once, at the first look; again after a failure, with the next look */
export function later<Props extends object>(
  load: () => Promise<FunctionComponent<Props>>
): FunctionComponent<Props> {
  let Loaded: FunctionComponent<Props> | null = null
  return function Later(props: Props) {
    const { t } = useText()
    const refusal = useRefusal()
    const [problem, setProblem] = useState<string | null>(null)
    const [, shown] = useState(Loaded !== null)
    useEffect(() => {
      if (Loaded !== null) return
      load().then(
        found => {
          Loaded = found
          shown(true)
        },
        (error: unknown) => setProblem(refusal(error))
      )
    }, [])
    if (Loaded !== null) return <Loaded {...props} />
    if (problem === null) return <p class="empty">{t('part.loading')}</p>
    return (
      <p class="trouble" role="alert">
        {problem}
      </p>
    )
  }
}
