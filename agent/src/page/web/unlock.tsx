/**
 * The token, which makes this the page of somebody who may change things. `starling page` opens the page with a code for it in the
 * address, which is good once; or it is pasted. It stays in this tab until the tab is closed or the reader locks it again.
 */
import { createContext, type ComponentChildren } from 'preact'
import { useCallback, useContext, useEffect, useId, useState } from 'preact/hooks'
import { useRefusal } from '@starling/shared/web/said.ts'
import { Refused, ask } from './agent-api.ts'
import { fieldOf } from './bits.tsx'
import { useText } from './words.ts'

const storageKey = 'starling.token'

interface Unlocked {
  /** Null: the page only looks. */
  readonly token: string | null
  /** Why a code in the address was of no use. */
  readonly problem: string | null
  /** @throws when it is not the token */
  readonly unlock: (token: string) => Promise<void>
  readonly lock: () => void
}

const context = createContext<Unlocked | null>(null)

export function useUnlock(): Unlocked {
  const unlocked = useContext(context)
  if (unlocked === null) throw new Error('outside of UnlockProvider')
  return unlocked
}

export function UnlockProvider({ children }: { readonly children: ComponentChildren }) {
  const refusal = useRefusal()
  const [token, setToken] = useState(() => sessionStorage.getItem(storageKey))
  const [problem, setProblem] = useState<string | null>(null)
  const keep = useCallback((next: string | null) => {
    if (next === null) sessionStorage.removeItem(storageKey)
    else sessionStorage.setItem(storageKey, next)
    setToken(next)
    setProblem(null)
  }, [])
  useEffect(() => {
    const redeem = () => {
      const code = /^#code=([\w-]{1,64})$/.exec(location.hash)?.[1]
      if (code === undefined) return
      // It is of no use any more in a moment, and nobody should see it or send it on.
      history.replaceState(null, '', '#/')
      ask<{ readonly token: string }>('/api/v1/page-code/redeem', { method: 'POST', body: { code } }).then(
        answer => keep(answer.token),
        (error: unknown) => setProblem(refusal(error))
      )
    }
    redeem()
    window.addEventListener('hashchange', redeem)
    return () => window.removeEventListener('hashchange', redeem)
  }, [keep])
  const unlock = useCallback(
    async (next: string) => {
      await ask('/api/v1/log?limit=1', { token: next })
      keep(next)
    },
    [keep]
  )
  const lock = useCallback(() => keep(null), [keep])
  return <context.Provider value={{ token, problem, unlock, lock }}>{children}</context.Provider>
}

/** How to unlock, where something needs it; nothing when it is unlocked. */
export function UnlockBox({ what }: { readonly what: string }) {
  const { t } = useText()
  const refusal = useRefusal()
  const { token, problem, unlock } = useUnlock()
  const [refused, setRefused] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const titleId = useId()
  if (token !== null) return null
  const submit = async (said: string) => {
    setBusy(true)
    setRefused(null)
    try {
      await unlock(said)
    } catch (error) {
      setRefused(error instanceof Refused && error.status === 401 ? t('unlock.wrong') : refusal(error))
    }
    setBusy(false)
  }
  return (
    <section class="unlock" aria-labelledby={titleId}>
      <h2 id={titleId}>{t('unlock.title')}</h2>
      <p>{what}</p>
      <p>
        {t('unlock.how')} <code>starling page</code>
      </p>
      <form
        onSubmit={event => {
          event.preventDefault()
          void submit(fieldOf(event.currentTarget, 'token'))
        }}
      >
        <label>
          {t('unlock.token')}
          <input name="token" type="password" autocomplete="off" required spellcheck={false} />
        </label>
        <button class="main" disabled={busy}>
          {t('unlock.do')}
        </button>
      </form>
      {(refused ?? problem) !== null && (
        <p class="trouble" role="alert">
          {refused ?? problem}
        </p>
      )}
    </section>
  )
}
