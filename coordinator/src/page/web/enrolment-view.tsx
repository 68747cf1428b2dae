/** How machines get in: tickets, made, shown once and revoked; and the first steps, to be had again. */
import { createTicket, listTickets, revokeTicket, type TicketView } from '@starling/shared/admin-api/fleet.ts'
import { listSites } from '@starling/shared/admin-api/fleet-view.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { coordinator } from './coordinator.ts'
import { Deed } from './deed.tsx'
import { FirstSteps } from './first-steps.tsx'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered } from './parts.tsx'
import { useSession } from './session.tsx'
import { TicketShown } from './ticket-shown.tsx'
import { useText } from './words.ts'

const dayMs = 24 * 3_600_000
const lives = [dayMs, 7 * dayMs, 30 * dayMs, 365 * dayMs] as const

export function EnrolmentView({ rest }: { readonly rest: readonly string[] }) {
  const { t } = useText()
  if (rest[0] === 'first')
    return (
      <>
        <p class="crumbs">
          <a href={linkTo(['enrolment'])}>{t('nav.enrolment')}</a> / {t('first.title')}
        </p>
        <FirstSteps done={() => (location.hash = linkTo(['enrolment']))} />
      </>
    )
  return <Tickets />
}

function Tickets() {
  const { t } = useText()
  const { may } = useSession()
  const tickets = useAnswer(listTickets, {}, 'changes')
  return (
    <>
      <Box
        title={t('enrol.tickets')}
        count={tickets.value?.tickets.length ?? 0}
        actions={may('operator') ? <NewTicket made={tickets.again} /> : undefined}
      >
        <p class="note">{t('enrol.what')}</p>
        <Answered answer={tickets}>
          {value => <TicketsTable tickets={value.tickets} changed={tickets.again} />}
        </Answered>
      </Box>
      <p class="note">
        <a href={linkTo(['enrolment', 'first'])}>{t('enrol.first')}</a>
      </p>
    </>
  )
}

function NewTicket({ made }: { readonly made: () => void }) {
  const { t, format } = useText()
  const sites = useAnswer(listSites, {}, 'changes')
  return (
    <Deed
      name={t('enrol.new')}
      main
      fields={[
        {
          name: 'site',
          label: t('enrol.site'),
          value: '',
          suggestions: (sites.value?.sites ?? []).map(({ site }) => site)
        },
        { name: 'group', label: t('enrol.group'), value: '' },
        { name: 'uses', label: t('enrol.uses'), value: '10', type: 'number', required: true },
        {
          name: 'life',
          label: t('enrol.life'),
          value: String(lives[1]),
          options: lives.map(ms => [String(ms), format.span(ms)])
        },
        {
          name: 'role',
          label: t('agents.role'),
          value: 'agent',
          options: [
            ['agent', t('agents.role.agent')],
            ['gateway', t('agents.role.gateway')]
          ]
        }
      ]}
      act={async ({ site = '', group = '', uses = '1', life = '', role }) => {
        const { ticket } = await coordinator.ask(createTicket, {
          body: {
            ...(site === '' ? {} : { site }),
            ...(group === '' ? {} : { group }),
            uses: Number(uses),
            expiresInMs: Number(life),
            role: role === 'gateway' ? 'gateway' : 'agent'
          }
        })
        made()
        return <TicketShown ticket={ticket} />
      }}
    />
  )
}

function TicketsTable(props: { readonly tickets: readonly TicketView[]; readonly changed: () => void }) {
  const { t, format } = useText()
  const { may } = useSession()
  if (props.tickets.length === 0) return <p class="empty">{t('enrol.none')}</p>
  const now = Date.now()
  // What can still be used first, and of those what was made last.
  const sorted = props.tickets.toSorted(
    (one, other) => Number(isOver(one, now)) - Number(isOver(other, now)) || other.createdAt - one.createdAt
  )
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t('enrol.ticket')}</th>
          <th scope="col">{t('sites.site')}</th>
          <th scope="col">{t('agents.group')}</th>
          <th scope="col">{t('agents.role')}</th>
          <th scope="col" class="num">
            {t('enrol.used')}
          </th>
          <th scope="col">{t('enrol.expires')}</th>
          <th scope="col">{t('enrol.state')}</th>
          {may('operator') && <th scope="col">{t('part.deeds')}</th>}
        </tr>
      </thead>
      <tbody>
        {sorted.map(ticket => (
          <tr key={ticket.id}>
            <th scope="row" class="id">
              {safeText(ticket.id)}
            </th>
            <td data-column={t('sites.site')}>
              {ticket.placedBy === 'name'
                ? safeText(ticket.site)
                : t('enrol.siteFound', { site: safeText(ticket.site) })}
            </td>
            <td data-column={t('agents.group')}>{safeText(ticket.group ?? '–')}</td>
            <td data-column={t('agents.role')}>{t(`agents.role.${ticket.role}`)}</td>
            <td class="num" data-column={t('enrol.used')}>
              {t('fleet.onlineOf', {
                online: format.count(ticket.uses),
                agents: format.count(ticket.usesMax)
              })}
            </td>
            <td class="whole" data-column={t('enrol.expires')}>
              {format.at(ticket.expiresAt)}
            </td>
            <td data-column={t('enrol.state')}>
              {ticket.uses >= ticket.usesMax
                ? t('enrol.usedUp')
                : ticket.expiresAt <= now
                  ? t('enrol.expired')
                  : t('enrol.good')}
            </td>
            {may('operator') && (
              <td class="whole">
                {!isOver(ticket, now) && (
                  <Deed
                    name={t('enrol.revoke')}
                    about={safeText(ticket.id)}
                    warning={t('enrol.revokeWarning')}
                    fields={[]}
                    act={async () => {
                      await coordinator.ask(revokeTicket, { params: { id: ticket.id } })
                      props.changed()
                    }}
                  />
                )}
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function isOver({ uses, usesMax, expiresAt }: TicketView, now: number): boolean {
  return uses >= usesMax || expiresAt <= now
}
