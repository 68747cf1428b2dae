/** Unlocked: check all that is kept against its digests, and purge a URL from the whole site. */
import { useRefusal } from '@starling/shared/web/said.ts'
import { nameOf, safeText } from '@starling/shared/web/names.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PurgeResult, VerifyResult } from '../../ports.ts'
import { ask, send } from './agent-api.ts'
import { Box } from '@starling/shared/web/box.tsx'
import { fieldOf } from './bits.tsx'
import { linesOf } from './json-lines.ts'
import { useUnlock } from './unlock.tsx'
import { useText } from './words.ts'

export function CacheCare({ changed }: { readonly changed: () => void }) {
  const { token } = useUnlock()
  if (token === null) return null
  return (
    <div class="pair">
      <Verify token={token} changed={changed} />
      <Purge token={token} changed={changed} />
    </div>
  )
}

interface Care {
  readonly token: string
  readonly changed: () => void
}

interface Verified {
  readonly state: 'going' | 'done' | 'failed'
  readonly contents: number
  readonly chunks: number
  readonly damaged: readonly VerifyResult[]
  readonly problem: string | null
}

type VerifyLine = VerifyResult | { readonly done: true } | { readonly error: { readonly message: string } }

function Verify({ token, changed }: Care) {
  const { t, format } = useText()
  const refusal = useRefusal()
  const [verified, setVerified] = useState<Verified | null>(null)
  const stop = useRef<AbortController | null>(null)
  useEffect(() => () => stop.current?.abort(), [])
  const verify = async () => {
    const control = new AbortController()
    stop.current = control
    let so: Verified = { state: 'going', contents: 0, chunks: 0, damaged: [], problem: null }
    setVerified(so)
    try {
      const response = await send('/api/v1/cache/verify', {
        method: 'POST',
        token,
        signal: control.signal
      })
      for await (const line of linesOf<VerifyLine>(response)) {
        if ('done' in line) so = { ...so, state: 'done' }
        else if ('error' in line) so = { ...so, state: 'failed', problem: line.error.message }
        else
          so = {
            ...so,
            contents: so.contents + 1,
            chunks: so.chunks + line.chunks,
            damaged: line.bad.length === 0 ? so.damaged : [...so.damaged, line]
          }
        setVerified(so)
      }
    } catch (error) {
      if (control.signal.aborted) return
      setVerified({ ...so, state: 'failed', problem: refusal(error) })
    }
    changed()
  }
  return (
    <Box title={t('verify.title')}>
      <p>{t('verify.what')}</p>
      <div class="deeds">
        <button disabled={verified?.state === 'going'} onClick={() => void verify()}>
          {t('verify.do')}
        </button>
      </div>
      {verified !== null && (
        <p role="status" class={verified.damaged.length > 0 ? 'trouble' : 'note'}>
          {t(`verify.${verified.state}`, {
            contents: verified.contents,
            chunks: format.count(verified.chunks),
            damaged: verified.damaged.length
          })}{' '}
          {verified.problem !== null && safeText(verified.problem)}
        </p>
      )}
      <ul class="troubles">
        {verified?.damaged.map(({ transfer, key, bad }) => (
          <li key={transfer}>{t('verify.bad', { name: nameOf(key), count: bad.length })}</li>
        ))}
      </ul>
    </Box>
  )
}

function Purge({ token, changed }: Care) {
  const { t } = useText()
  const refusal = useRefusal()
  const [outcome, setOutcome] = useState<{ readonly good: boolean; readonly text: string } | null>(null)
  const purge = async (form: HTMLFormElement) => {
    setOutcome(null)
    try {
      const url = fieldOf(form, 'url')
      const result = await ask<PurgeResult>('/api/v1/cache/purge', { method: 'POST', token, body: { url } })
      const told =
        result.notTold === null
          ? t('purge.told', { count: result.told })
          : t('purge.notTold', { why: safeText(result.notTold) })
      setOutcome({ good: true, text: `${t('purge.forgotten', { count: result.forgotten })} ${told}` })
      form.reset()
    } catch (error) {
      setOutcome({ good: false, text: refusal(error) })
    }
    changed()
  }
  return (
    <Box title={t('purge.title')}>
      <p>{t('purge.what')}</p>
      <form
        class="one-line"
        onSubmit={event => {
          event.preventDefault()
          void purge(event.currentTarget)
        }}
      >
        <label>
          {t('purge.url')}
          <input name="url" type="url" required spellcheck={false} />
        </label>
        <button>{t('purge.do')}</button>
      </form>
      {outcome !== null && (
        <p role="status" class={outcome.good ? 'note' : 'trouble'}>
          {outcome.text}
        </p>
      )}
    </Box>
  )
}
