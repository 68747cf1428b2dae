/**
 * `starling fetch URL`: a file through the running agent, with progress, and at the end what it is (SHA-256) and where its
 * bytes came from. The agent is asked for the sources; the bytes themselves come by its proxy, as any client's do.
 */
import { basename, resolve } from 'node:path'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { AgentStatus, ByteCounters, TransferView } from '../ports.ts'
import { requireAgent, type Api } from './api.ts'
import { download } from './download.ts'
import { bar, formatBytes, formatRate, formatShare, formatSources, formatSpan, safeText } from './format.ts'
import type { CommandTools, Terminal } from './services.ts'
import { upstreamsBetween } from './upstreams.ts'
import { parseWebAddress } from './web-address.ts'

export interface FetchOptions {
  readonly dataFolder: string
  readonly json: boolean
  /** Null: the last part of the URL, in the current folder. */
  readonly output: string | null
  readonly resume: boolean
  readonly sha256: string | null
  /** Nobody waits for it. */
  readonly background: boolean
  /** Tells also who was asked beyond the site, and how long that took. */
  readonly verbose: boolean
}

type Sources = Pick<ByteCounters, 'fromCache' | 'fromPeers' | 'fromGateway' | 'fromUpstream'>

export async function fetchUrl(options: FetchOptions, url: string, tools: CommandTools): Promise<void> {
  const { terminal, signal } = tools
  const target = parseWebAddress(url)
  const sha256 = parseSha256(options.sha256)
  const file = resolve(options.output ?? fileNameOf(target))
  const api = await requireAgent(options.dataFolder)
  const status = await api.status()
  const { key } = recognise(target.href, status.contentClasses)
  const before = transferOf(status, key)
  const startedAt = performance.now()
  const meter = createMeter(terminal, safeText(basename(file)))
  const sources = watchSources(api, key, before)
  try {
    const done = await download({
      url: target.href,
      proxy: api.agent.proxy,
      file,
      resume: options.resume,
      sha256,
      background: options.background,
      signal,
      onProgress: (bytes, total) => meter.show(bytes, total, sources.latest())
    })
    const after = await api.status().catch(() => null)
    const came = sourcesOf(after, key, before)
    const seconds = (performance.now() - startedAt) / secondMs
    meter.clear()
    if (options.json)
      return terminal.print(JSON.stringify({ url: target.href, file, ...done, seconds, sources: came }))
    const fresh = done.bytes - done.resumedFrom
    terminal.print(
      `${file}: ${formatBytes(done.bytes)} in ${formatSpan(seconds * secondMs)} (${formatRate(fresh / Math.max(seconds, 0.001))})` +
        (done.resumedFrom > 0 ? `, gone on from ${formatBytes(done.resumedFrom)}` : '')
    )
    terminal.print(`sha256 ${done.sha256}`)
    terminal.print(
      came === null ? 'from the origin, not shared with other machines' : `from ${formatSources(came)}`
    )
    if (options.verbose && after !== null)
      for (const line of upstreamsBetween(status.upstreams, after.upstreams)) terminal.print(line)
  } finally {
    sources.stop()
    meter.clear()
  }
}

/** @throws StarlingError `usage` */
function parseSha256(text: string | null): string | null {
  if (text === null) return null
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new StarlingError('usage', '--sha256 takes 64 hex digits, as sha256sum prints them')
  return text.toLowerCase()
}

/** A name that is one on Windows too, whatever the URL holds: nothing remote chooses a folder, a device or a stream. */
export function fileNameOf(url: URL): string {
  let last = url.pathname.split('/').at(-1) ?? ''
  try {
    last = decodeURIComponent(last)
  } catch {
    // Not a valid escape: taken as it is.
  }
  const name = safeText(last)
    .replace(/[<>:"/\\|?*\ufffd]/g, '_')
    .slice(0, 150)
    .replace(/[. ]+$/, '')
    .replace(/^[. ]+/, '')
  if (name === '') return 'download'
  return /^(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\.|$)/i.test(name) ? `_${name}` : name
}

/** The newest version of this key that the agent knows. */
function transferOf(status: AgentStatus | null, key: string): TransferView | null {
  const versions = status?.transfers.filter(one => one.key === key) ?? []
  return versions.toSorted((a, b) => b.lastUsedAt - a.lastUsedAt)[0] ?? null
}

/** What has come since `before`; null: the agent does not share this. */
function sourcesOf(status: AgentStatus | null, key: string, before: TransferView | null): Sources | null {
  const now = transferOf(status, key)
  if (now === null) return null
  const base = before?.transfer === now.transfer ? before.bytes : null
  const since = (name: keyof Sources) => Math.max(0, now.bytes[name] - (base?.[name] ?? 0))
  return {
    fromCache: since('fromCache'),
    fromPeers: since('fromPeers'),
    fromGateway: since('fromGateway'),
    fromUpstream: since('fromUpstream')
  }
}

/** Follows the agent's events; without them there is only no word of sources in the progress. */
function watchSources(
  api: Api,
  key: string,
  before: TransferView | null
): { latest(): Sources | null; stop(): void } {
  const stopped = new AbortController()
  let latest: Sources | null = null
  const watch = async () => {
    for await (const status of api.events(stopped.signal)) latest = sourcesOf(status, key, before)
  }
  watch().catch(() => {})
  return { latest: () => latest, stop: () => stopped.abort() }
}

/** Smooth enough to read, and no more work than that. */
const meterIntervalMs: Millis = 100
const rateWindowMs: Millis = 3 * secondMs

function createMeter(terminal: Terminal, name: string) {
  const samples: { at: Millis; bytes: Bytes }[] = []
  let shownAt = 0
  return {
    show(bytes: Bytes, total: Bytes | null, sources: Sources | null) {
      const now = performance.now()
      if (terminal.columns === 0 || now - shownAt < meterIntervalMs) return
      shownAt = now
      samples.push({ at: now, bytes })
      while (samples.length > 2 && samples[0]!.at < now - rateWindowMs) samples.shift()
      const first = samples[0]!
      const rate = now > first.at ? ((bytes - first.bytes) * secondMs) / (now - first.at) : 0
      const parts = [
        name,
        ...(total === null ? [] : [`${bar(bytes, total, 20)} ${formatShare(bytes, total)}`]),
        formatBytes(bytes),
        formatRate(rate),
        ...(total !== null && rate > 0 ? [`${formatSpan(((total - bytes) * secondMs) / rate)} left`] : []),
        ...(sources === null ? [] : [formatSources(sources)])
      ]
      terminal.progress(parts.join('  '))
    },
    clear: () => terminal.progress(null)
  }
}
