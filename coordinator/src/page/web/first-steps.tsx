/**
 * From an empty fleet to its first agent: the keys put away safely, a ticket, the line that installs with it, and the machine that
 * appears here by itself. Shown while there is no agent but the gateway; and again under Enrolment.
 */
import { createTicket } from '@starling/shared/admin-api/fleet.ts'
import { listAgents, type AgentView } from '@starling/shared/admin-api/fleet-view.ts'
import { useRefusal } from '@starling/shared/web/said.ts'
import { safeText, shortId } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { coordinator } from './coordinator.ts'
import { useAnswer } from './live.tsx'
import { useSession } from './session.tsx'
import { Line, TicketShown } from './ticket-shown.tsx'
import { useText } from './words.ts'

const weekMs = 7 * 24 * 3_600_000

export function FirstSteps({ done }: { readonly done: () => void }) {
  const { t } = useText()
  const refusal = useRefusal()
  const { may, actor } = useSession()
  const [kept, setKept] = useState(false)
  const [ticket, setTicket] = useState<string | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const joined = useJoined()
  const make = async () => {
    setProblem(null)
    try {
      const made = await coordinator.ask(createTicket, { body: { uses: 10, expiresInMs: weekMs } })
      setTicket(made.ticket)
    } catch (error) {
      setProblem(refusal(error))
    }
  }
  const hasJoined = joined.length > 0
  const hasTicket = ticket !== null || hasJoined
  return (
    <section class="first-steps" aria-labelledby="first-title">
      <h2 id="first-title">{t('first.title')}</h2>
      <ol class="steps">
        <Step title={t('first.account')} isDone>
          <p class="note">{t('first.accountDone', { name: safeText(actor.name) })}</p>
        </Step>
        <Step title={t('first.keys')} isDone={kept}>
          <p>{t('first.keysWhy')}</p>
          <Line name={t('first.keysLine')} text="starling-coordinator key export FILE" />
          {!kept && <button onClick={() => setKept(true)}>{t('first.keysDone')}</button>}
        </Step>
        <Step title={t('first.makeTicket')} isDone={hasTicket}>
          <p>{t('first.ticket')}</p>
          {!hasTicket && (
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
        </Step>
        <Step title={t('first.installTitle')} isDone={hasJoined}>
          {ticket === null ? (
            <p class="note">{t('first.installFirst')}</p>
          ) : (
            <>
              <p>{t('first.install')}</p>
              <TicketShown ticket={ticket} />
            </>
          )}
        </Step>
        <Step title={t('first.waitTitle')} isDone={hasJoined}>
          <p role="status">{hasJoined ? t('first.joined', { count: joined.length }) : t('first.wait')}</p>
          {hasJoined && (
            <ul>
              {joined.map(({ agent, hostName, site }) => (
                <li key={agent}>
                  <a href={linkTo(['agents', agent])}>
                    {hostName === '' ? shortId(agent) : safeText(hostName)}
                  </a>{' '}
                  · {safeText(site)}
                </li>
              ))}
            </ul>
          )}
          {hasJoined && (
            <button class="main" onClick={done}>
              {t('first.done')}
            </button>
          )}
        </Step>
      </ol>
      <p class="note">
        <a href={linkTo(['enrolment'])}>{t('first.more')}</a>
      </p>
    </section>
  )
}

/** Of more that join at a time there is no need to show each. */
const joinedMax = 100

/**
 * Those that have joined since the steps were opened, by the coordinator's clock and not by this one's: what it tells first says
 * who was the last before. The gateway of the coordinator is no first agent; the steps are shown as long as there is no other.
 */
function useJoined(): readonly AgentView[] {
  const { value } = useAnswer(listAgents, { query: { sort: 'newest', count: String(joinedMax) } })
  const before = useRef<{ readonly newestAt: number; readonly agents: ReadonlySet<string> } | null>(null)
  if (value !== null)
    before.current ??= {
      newestAt: value.agents[0]?.enrolledAt ?? 0,
      agents: new Set(value.agents.map(({ agent }) => agent))
    }
  return (value?.agents ?? []).filter(
    ({ agent, role, enrolledAt, revokedAt }) =>
      role === 'agent' &&
      revokedAt === null &&
      before.current !== null &&
      enrolledAt >= before.current.newestAt &&
      !before.current.agents.has(agent)
  )
}

function Step(props: {
  readonly title: string
  readonly isDone?: boolean
  readonly children: ComponentChildren
}) {
  const { t } = useText()
  return (
    <li class={props.isDone === true ? 'step done' : 'step'}>
      <h3>
        {props.title}
        {props.isDone === true && (
          <>
            {' '}
            <span class="pill" data-state="good">
              {t('first.stepDone')}
            </span>
          </>
        )}
      </h3>
      {props.children}
    </li>
  )
}
