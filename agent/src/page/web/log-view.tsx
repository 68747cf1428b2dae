/** What the agent said lately, the newest first; and a file with all that a helper needs, without names and secrets. */
import { useRefusal } from '@starling/shared/web/said.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { useState } from 'preact/hooks'
import type { LogLine } from '../../views.ts'
import { send } from './agent-api.ts'
import { useAsked } from './asked.ts'
import { Box, Switch } from '@starling/shared/web/box.tsx'
import { Answered } from './bits.tsx'
import { UnlockBox, useUnlock } from './unlock.tsx'
import { useText } from './words.ts'

const levels = ['all', 'warn', 'error'] as const
type Level = (typeof levels)[number]
/** As pino numbers them. */
const least: Readonly<Record<Level, number>> = { all: 0, warn: 40, error: 50 }

export function LogView() {
  const { t } = useText()
  const { token } = useUnlock()
  const asked = useAsked<readonly LogLine[]>(token === null ? null : '/api/v1/log?limit=300', 3000, token)
  if (token === null) return <UnlockBox what={t('unlock.log')} />
  return (
    <>
      <SupportBundle token={token} />
      <Answered asked={asked}>{lines => <Lines lines={lines} />}</Answered>
    </>
  )
}

function Lines({ lines }: { readonly lines: readonly LogLine[] }) {
  const { t, format } = useText()
  const [level, setLevel] = useState<Level>('all')
  const [search, setSearch] = useState('')
  const wanted = search.trim().toLowerCase()
  const shown = lines
    .filter(line => line.level >= least[level] && JSON.stringify(line).toLowerCase().includes(wanted))
    .toReversed()
  return (
    <Box
      title={t('log.title')}
      count={shown.length}
      actions={
        <Switch
          label={t('log.level')}
          names={levels}
          chosen={level}
          write={name => t(`log.${name}`)}
          choose={setLevel}
        />
      }
    >
      <div class="filters">
        <label>
          {t('log.search')}
          <input type="search" value={search} onInput={event => setSearch(event.currentTarget.value)} />
        </label>
      </div>
      {shown.length === 0 ? (
        <p class="empty">{t(lines.length === 0 ? 'log.empty' : 'log.noneFound')}</p>
      ) : (
        <ol class="log" tabIndex={0} aria-label={t('log.title')}>
          {shown.map((line, index) => (
            <li key={`${line.time} ${shown.length - index}`} data-level={levelOf(line.level)}>
              <time>{format.at(line.time)}</time>{' '}
              <span class="level">{t(`log.of.${levelOf(line.level)}`)}</span>{' '}
              <span>{safeText(line.msg ?? '')}</span> <code>{fieldsOf(line)}</code>
            </li>
          ))}
        </ol>
      )}
    </Box>
  )
}

function levelOf(level: number): 'info' | 'warn' | 'error' {
  return level >= least.error ? 'error' : level >= least.warn ? 'warn' : 'info'
}

/** What the reader sees already, and what every line has. */
const untold = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'name'])

function fieldsOf(line: LogLine): string {
  return Object.entries(line)
    .filter(([name]) => !untold.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .map(safeText)
    .join(' ')
}

function SupportBundle({ token }: { readonly token: string }) {
  const { t } = useText()
  const refusal = useRefusal()
  const [withNames, setWithNames] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const save = async () => {
    setBusy(true)
    setProblem(null)
    try {
      const response = await send(`/api/v1/support-bundle${withNames ? '?names=1' : ''}`, { token })
      const address = URL.createObjectURL(await response.blob())
      const link = document.createElement('a')
      link.href = address
      link.download = 'starling-support.zip'
      link.click()
      URL.revokeObjectURL(address)
    } catch (error) {
      setProblem(refusal(error))
    }
    setBusy(false)
  }
  return (
    <Box title={t('bundle.title')}>
      <p>{t('bundle.what')}</p>
      <div class="deeds">
        <button class="main" disabled={busy} onClick={() => void save()}>
          {t('bundle.do')}
        </button>
        <label class="tick">
          <input
            type="checkbox"
            checked={withNames}
            onChange={event => setWithNames(event.currentTarget.checked)}
          />
          {t('bundle.names')}
        </label>
      </div>
      {problem !== null && (
        <p class="trouble" role="alert">
          {safeText(problem)}
        </p>
      )}
    </Box>
  )
}
