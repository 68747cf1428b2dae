/** Who is signed in. Without one there is the form to sign in, and below it the one for the first admin. */
import { redeemFirstAdmin, signIn, signOut } from '@starling/shared/admin-api/accounts.ts'
import { showMe, type Actor } from '@starling/shared/admin-api/service.ts'
import { codeOf } from '@starling/shared/errors.ts'
import starling from '@starling/shared/web/starling.svg'
import { roleAllows, type AccountRole } from '@starling/shared/admin-api/roles.ts'
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import { coordinator, whenSessionEnds } from './coordinator.ts'
import { useRefusal } from '@starling/shared/web/said.ts'
import { useText } from './words.ts'

interface Session {
  readonly actor: Actor
  readonly may: (role: AccountRole) => boolean
  readonly leave: () => Promise<void>
}

const context = createContext<Session | null>(null)

export function useSession(): Session {
  const session = useContext(context)
  if (session === null) throw new Error('outside of SessionProvider')
  return session
}

const retryMs = 5000

export function SessionProvider(props: { readonly children: ComponentChildren }) {
  const { t } = useText()
  const refusal = useRefusal()
  const [actor, setActor] = useState<Actor | null | 'unknown'>('unknown')
  const [problem, setProblem] = useState<string | null>(null)
  /** Somebody was signed in, and did not sign out here. */
  const [hasEnded, setEnded] = useState(false)
  const look = async () => {
    try {
      setActor(await coordinator.ask(showMe, {}))
      setProblem(null)
      setEnded(false)
    } catch (error) {
      const isSignedOut = codeOf(error) === 'not-signed-in'
      if (isSignedOut) setActor(null)
      setProblem(isSignedOut ? null : refusal(error))
    }
  }
  useEffect(() => {
    whenSessionEnds(() => {
      setActor(before => {
        if (before !== null && before !== 'unknown') setEnded(true)
        return null
      })
    })
    void look()
  }, [])
  useEffect(() => {
    if (problem === null) return undefined
    const timer = setInterval(() => void look(), retryMs)
    return () => clearInterval(timer)
  }, [problem])
  if (problem !== null) return <p class="alone">{t('session.unreachable', { problem })}</p>
  if (actor === 'unknown') return null
  if (actor === null) return <SignIn done={look} hasEnded={hasEnded} />
  const session: Session = {
    actor,
    may: role => roleAllows(actor.role, role),
    async leave() {
      // One that has ended already is as good as signed out.
      await coordinator.ask(signOut, {}).catch((error: unknown) => {
        if (codeOf(error) !== 'not-signed-in') throw error
      })
      location.hash = ''
      setEnded(false)
      setActor(null)
    }
  }
  return <context.Provider value={session}>{props.children}</context.Provider>
}

function SignIn({ done, hasEnded }: { readonly done: () => Promise<void>; readonly hasEnded: boolean }) {
  const { t } = useText()
  const refusal = useRefusal()
  const [first, setFirst] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const submit = async (form: HTMLFormElement) => {
    const said = Object.fromEntries(new FormData(form)) as Record<string, string>
    const { name = '', password = '', code = '' } = said
    setBusy(true)
    setProblem(null)
    try {
      if (first) await coordinator.ask(redeemFirstAdmin, { body: { code: code.trim(), name, password } })
      await coordinator.ask(signIn, { body: { name, password } })
      await done()
    } catch (error) {
      setProblem(refusal(error))
    }
    setBusy(false)
  }
  return (
    <main class="alone">
      <form
        class="card sign-in"
        onSubmit={event => {
          event.preventDefault()
          void submit(event.currentTarget)
        }}
      >
        <img src={starling} alt="" width="48" height="48" />
        <h1>{first ? t('session.first') : t('session.signIn')}</h1>
        {hasEnded && (
          <p class="note" role="status">
            {t('session.ended')}
          </p>
        )}
        {first && (
          <>
            <p class="note">{t('session.firstHint')}</p>
            <label>
              {t('session.code')}
              <input name="code" required autocomplete="one-time-code" />
            </label>
          </>
        )}
        <label>
          {t('session.name')}
          <input name="name" required autocomplete="username" autocapitalize="none" spellcheck={false} />
        </label>
        <label>
          {t('session.password')}
          <input
            name="password"
            type="password"
            required
            autocomplete={first ? 'new-password' : 'current-password'}
          />
        </label>
        {problem !== null && (
          <p class="trouble" role="alert">
            {problem}
          </p>
        )}
        <button class="main" disabled={busy}>
          {first ? t('session.make') : t('session.enter')}
        </button>
        <button type="button" class="link" onClick={() => setFirst(!first)}>
          {first ? t('session.haveAccount') : t('session.noAccount')}
        </button>
      </form>
    </main>
  )
}
