/**
 * What to do when there is no agent yet, or only the gateway: a ticket, the line that installs with it, and the agent that
 * appears here. It goes away by itself when the first one has joined.
 */
import { createTicket } from '@starling/shared/admin-api/fleet.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useState } from 'preact/hooks'
import { coordinator } from './coordinator.ts'
import { TicketShown } from './ticket-shown.tsx'
import { useSession } from './session.tsx'
import { useText } from './words.ts'

const weekMs = 7 * 24 * 3_600_000

export function FirstSteps({ agents }: { readonly agents: number }) {
  const { t } = useText()
  const { may } = useSession()
  const [ticket, setTicket] = useState<string | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const make = async () => {
    try {
      const made = await coordinator.ask(createTicket, { body: { uses: 10, expiresInMs: weekMs } })
      setTicket(made.ticket)
    } catch (error) {
      setProblem(messageOf(error))
    }
  }
  return (
    <section class="first-steps" aria-labelledby="first-title">
      <h2 id="first-title">{t('first.title')}</h2>
      <p>{agents === 0 ? t('first.none') : t('first.gatewayOnly')}</p>
      <ol class="steps">
        <li>
          <p>{t('first.ticket')}</p>
          {ticket === null && (
            <button class="main" disabled={!may('operator')} onClick={() => void make()}>
              {t('first.makeTicket')}
            </button>
          )}
          {!may('operator') && <p class="note">{t('first.askOperator')}</p>}
          {problem !== null && (
            <p class="trouble" role="alert">
              {problem}
            </p>
          )}
          {ticket !== null && <TicketShown ticket={ticket} />}
        </li>
        <li>
          <p>{t('first.install')}</p>
        </li>
        <li>
          <p role="status">{t('first.wait')}</p>
        </li>
      </ol>
      <p class="note">
        <a href={linkTo(['enrolment'])}>{t('first.more')}</a>
      </p>
    </section>
  )
}
