/** What is kept here: how much, how old, how rare nearby, what is pinned; and, unlocked, what one can do about it. */
import { hostOf, nameOf, safeText } from '@starling/shared/web/names.ts'
import { LongTable, type Column } from '@starling/shared/web/long-table.tsx'
import { useRefusal } from '@starling/shared/web/said.ts'
import { useMemo, useState } from 'preact/hooks'
import type { StoreUsage } from '../../ports.ts'
import type { CopiesView } from '../../views.ts'
import { ask } from './agent-api.ts'
import { useAsked } from './asked.ts'
import { Box, Switch } from '@starling/shared/web/box.tsx'
import { Answered } from './bits.tsx'
import { CacheCare } from './cache-care.tsx'
import type { Transfer } from './status.ts'
import { Sure } from './sure.tsx'
import { UnlockBox, useUnlock } from './unlock.tsx'
import { useNarrow } from './use-narrow.ts'
import { useText, type Key } from './words.ts'

interface CacheAnswer {
  readonly store: StoreUsage
  readonly transfers: readonly Transfer[]
  /** Connected now. */
  readonly peers: number
  readonly copies: Readonly<Record<string, CopiesView>>
}

const shows = ['all', 'pinned', 'partial'] as const
type Show = (typeof shows)[number]
const orders = ['used', 'newest', 'oldest', 'size', 'rare', 'name'] as const
type Order = (typeof orders)[number]

export function CacheView() {
  const { t } = useText()
  const asked = useAsked<CacheAnswer>('/api/v1/cache', 5000)
  return (
    <>
      <Answered asked={asked}>
        {cache => (
          <>
            <Room store={cache.store} />
            <Contents cache={cache} changed={asked.again} />
          </>
        )}
      </Answered>
      <CacheCare changed={asked.again} />
      <UnlockBox what={t('unlock.cache')} />
    </>
  )
}

function Room({ store }: { readonly store: StoreUsage }) {
  const { t, format } = useText()
  return (
    <Box title={t('cache.room')}>
      <p class="headline">
        <strong>{format.bytes(store.usedBytes)}</strong>{' '}
        {t('cache.ofQuota', { quota: format.bytes(store.quotaBytes) })}
      </p>
      <div
        class="bar"
        role="img"
        aria-label={t('cache.used', {
          used: format.bytes(store.usedBytes),
          quota: format.bytes(store.quotaBytes),
          free: format.bytes(store.freeBytes)
        })}
      >
        <span
          class="part used"
          style={{
            inlineSize: `${Math.min(100, (100 * store.usedBytes) / Math.max(1, store.quotaBytes)).toFixed(2)}%`
          }}
        />
      </div>
      <p class="note">
        {t('cache.free', { free: format.bytes(store.freeBytes), floor: format.bytes(store.floorBytes) })}
      </p>
    </Box>
  )
}

function Contents(props: { readonly cache: CacheAnswer; readonly changed: () => void }) {
  const { t, format } = useText()
  const refusal = useRefusal()
  const { token } = useUnlock()
  const [search, setSearch] = useState('')
  const [show, setShow] = useState<Show>('all')
  const [order, setOrder] = useState<Order>('used')
  const [problem, setProblem] = useState<string | null>(null)
  const isNarrow = useNarrow()
  const { transfers, copies, peers } = props.cache
  const rows = useMemo(() => {
    const wanted = search.trim().toLowerCase()
    // What nobody has told of may be rare or not: it comes after what is known to be.
    const copiesAt = (one: Transfer) => copies[one.transfer]?.whole ?? Number.MAX_SAFE_INTEGER
    // What is not complete has no age yet: it comes last either way.
    const age = (one: Transfer, missing: number) => one.completedAt ?? missing
    return transfers
      .filter(one => one.key.toLowerCase().includes(wanted))
      .filter(one => show === 'all' || (show === 'pinned' ? one.pinned : !one.complete))
      .toSorted(
        (one, other) =>
          ({
            used: other.lastUsedAt - one.lastUsedAt,
            newest: age(other, 0) - age(one, 0),
            oldest: age(one, Number.MAX_SAFE_INTEGER) - age(other, Number.MAX_SAFE_INTEGER),
            size: other.length - one.length,
            rare: copiesAt(one) - copiesAt(other),
            name: nameOf(one.key).localeCompare(nameOf(other.key))
          })[order] || (one.transfer < other.transfer ? -1 : 1)
      )
  }, [transfers, search, show, order, copies])
  const change = async (transfer: Transfer) => {
    setProblem(null)
    try {
      await ask(`/api/v1/cache/${transfer.transfer}/pin`, {
        method: transfer.pinned ? 'DELETE' : 'PUT',
        token
      })
    } catch (error) {
      setProblem(refusal(error))
    }
    props.changed()
  }
  const now = Date.now()
  const copiesText = (one: Transfer) => {
    const known = copies[one.transfer]
    return known === undefined
      ? t('cache.copiesUnknown')
      : t('cache.copiesOfPeers', { whole: known.whole, peers })
  }
  const ageText = (one: Transfer) =>
    one.completedAt === null ? '–' : format.ago(Math.max(0, now - one.completedAt))
  const agoText = (one: Transfer) => format.ago(Math.max(0, now - one.lastUsedAt))
  const nameCell = (one: Transfer) => (
    <span title={safeText(one.key)}>
      {one.pinned && <span class="chip">{t('cache.pinned')}</span>} {nameOf(one.key)}
      <span class="host">{hostOf(one.key)}</span>
    </span>
  )
  const deeds = (one: Transfer) => (
    <span class="deeds">
      <button
        aria-label={t(one.pinned ? 'cache.unpinOf' : 'cache.pinOf', { name: nameOf(one.key) })}
        onClick={() => void change(one)}
      >
        {t(one.pinned ? 'cache.unpin' : 'cache.pin')}
      </button>
      <Sure
        name={t('cache.remove')}
        label={t('cache.removeOf', { name: nameOf(one.key) })}
        question={t('cache.removeSure', { name: nameOf(one.key), bytes: format.bytes(one.keptBytes) })}
        act={async () => {
          await ask(`/api/v1/cache/${one.transfer}`, { method: 'DELETE', token })
          props.changed()
        }}
      />
    </span>
  )
  // On a phone all of it in one cell, in place of a table that has to be pushed to and fro.
  const narrowColumns: ReadonlyArray<Column<Transfer>> = [
    {
      name: t('cache.content'),
      width: '1fr',
      cell: one => (
        <>
          {nameCell(one)}
          <span class="host">
            {format.bytes(one.length)} · {format.share(one.keptBytes, one.length)} · {t('cache.copies')}:{' '}
            {copiesText(one)}
          </span>
          <span class="host">
            {one.completedAt !== null && `${t('cache.completeSince', { age: ageText(one) })} · `}
            {t('cache.usedSince', { age: agoText(one) })}
          </span>
          {token !== null && deeds(one)}
        </>
      )
    }
  ]
  const wideColumns: ReadonlyArray<Column<Transfer>> = [
    { name: t('cache.content'), width: 'minmax(14rem, 3fr)', cell: nameCell },
    { name: t('cache.size'), width: '6rem', numeric: true, cell: one => format.bytes(one.length) },
    {
      name: t('cache.kept'),
      width: '5rem',
      numeric: true,
      cell: one => format.share(one.keptBytes, one.length)
    },
    { name: t('cache.copies'), width: '7rem', numeric: true, cell: copiesText },
    {
      name: t('cache.age'),
      width: '7rem',
      numeric: true,
      cell: one => (
        <span title={one.completedAt === null ? '' : format.at(one.completedAt)}>{ageText(one)}</span>
      )
    },
    { name: t('cache.lastUsed'), width: '7rem', numeric: true, cell: agoText },
    ...(token === null ? [] : [{ name: t('cache.do'), width: '12rem', cell: deeds }])
  ]
  return (
    <Box title={t('cache.title')} count={transfers.length}>
      {transfers.length === 0 ? (
        <p class="empty">{t('cache.empty')}</p>
      ) : (
        <>
          <div class="filters">
            <label>
              {t('cache.search')}
              <input type="search" value={search} onInput={event => setSearch(event.currentTarget.value)} />
            </label>
            <label>
              {t('cache.order')}
              <select value={order} onChange={event => setOrder(event.currentTarget.value as Order)}>
                {orders.map(name => (
                  <option key={name} value={name}>
                    {t(`cache.order.${name}` satisfies Key)}
                  </option>
                ))}
              </select>
            </label>
            <Switch
              label={t('cache.show')}
              names={shows}
              chosen={show}
              write={name => t(`cache.show.${name}`)}
              choose={setShow}
            />
          </div>
          {problem !== null && (
            <p class="trouble" role="alert">
              {safeText(problem)}
            </p>
          )}
          {rows.length === 0 ? (
            <p class="empty">{t('cache.noneFound')}</p>
          ) : (
            <LongTable
              label={t('cache.title')}
              columns={isNarrow ? narrowColumns : wideColumns}
              rows={rows}
              keyOf={one => one.transfer}
              rowHeightPx={isNarrow ? (token === null ? 96 : 138) : 56}
            />
          )}
          <p class="note">{t('cache.copiesNote', { peers })}</p>
        </>
      )}
    </Box>
  )
}
