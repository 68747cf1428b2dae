/** What an agent knows beside its content and takes into its next life: names for it in the store, and when it is written down. */
import { messageOf } from '@starling/shared/errors.ts'
import { minuteMs } from '@starling/shared/units.ts'
import type { FarUploads } from '../far-uploads.ts'
import type { Trust } from '../identity/trust.ts'
import type { LineMeter } from '../line-meter.ts'
import type { Log } from '../log.ts'
import type { StorePort } from '../ports.ts'
import type { Ban } from '../report.ts'

/** Names under which the store remembers what is not about content. */
export const remembered = {
  bans: 'bans',
  trust: 'trust',
  clientBytes: 'client-bytes',
  config: 'config',
  tunnelled: 'tunnelled',
  farUploads: 'far-uploads',
  wanLine: 'wan-line',
  history: 'history'
} as const

/** Those that are still in force. */
export function bansOf(kept: unknown): Ban[] {
  if (!Array.isArray(kept)) return []
  return kept.filter(
    (ban): ban is Ban =>
      typeof ban?.peer === 'string' && typeof ban.until === 'number' && ban.until > Date.now()
  )
}

/**
 * Issuers and serials, and what was measured: a crash costs a minute of them, not all.
 * @returns what writes them down once more, and ends it
 */
export function keepWhatIsLearnt(parts: {
  readonly store: Pick<StorePort, 'remember'>
  readonly trust: Pick<Trust, 'snapshot'>
  readonly farUploads: FarUploads
  readonly lineMeter: LineMeter
  /** What came from where over time. */
  readonly insight: { keep(): Promise<void> }
  readonly log: Log
}): () => Promise<void> {
  const { store, trust, farUploads, lineMeter, insight, log } = parts
  const facts = [
    factOf(remembered.trust, () => trust.snapshot()),
    factOf(remembered.farUploads, () => farUploads.snapshot()),
    factOf(remembered.wanLine, () => lineMeter.bytesPerSecond)
  ]

  /** What is as it was when this began is known from there: an agent that has nothing to do writes nothing. */
  function factOf(name: string, value: () => unknown): () => Promise<void> {
    let kept = JSON.stringify(value())
    return async () => {
      const now = value()
      const text = JSON.stringify(now)
      if (text === kept) return
      await store.remember(name, now)
      kept = text
    }
  }
  const keepAll = async (): Promise<void> => {
    await Promise.all([...facts.map(keep => keep()), insight.keep()])
  }
  const timer = setInterval(() => {
    keepAll().catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, 'what is known of issuers and measured could not be kept')
    })
  }, minuteMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await keepAll()
  }
}
