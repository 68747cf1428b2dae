/**
 * Listens to the agent and draws what it says. The events are whole snapshots, so there is no state to keep but the last few
 * of them for the rates; when the agent goes away the browser tries again by itself, and the page says so meanwhile.
 */
import { draw, drawLive } from './view.js'

/** @typedef {import('./view.js').Status} Status */

/** Rates are means over so long: shorter jitters with every chunk, longer lies about a stall. */
const rateWindowMs = 3000
/** Without an event for so long nothing moves any more, so a speed that still stood there would be untrue. */
const quietMs = 2000

/** @type {{ at: number, bytes: Map<string, number> }[]} */
let samples = []
/** @type {Status | null} */
let latest = null
let latestAt = 0
/** @type {ReturnType<typeof setTimeout> | undefined} */
let reopenTimer

/** What moves: bytes that arrive, or, once all are here, bytes that leave to programs. @param {Status} status */
function sampleOf(status) {
  return new Map(
    status.transfers.map(transfer => [
      transfer.transfer,
      transfer.complete ? transfer.bytes.toClients : transfer.keptBytes
    ])
  )
}

/** @param {Status} status @param {number} now @returns {Map<string, number>} */
function ratesOf(status, now) {
  const first = samples.find(sample => sample.at >= now - rateWindowMs)
  const last = samples.at(-1)
  /** @type {Map<string, number>} */
  const rates = new Map()
  if (first === undefined || last === undefined) return rates
  // The end is now and not the last event: a stall brings the rate down before it is called one.
  const seconds = Math.max(0.25, (now - first.at) / 1000)
  for (const { transfer } of status.transfers) {
    const moved =
      (last.bytes.get(transfer) ?? 0) - (first.bytes.get(transfer) ?? last.bytes.get(transfer) ?? 0)
    rates.set(transfer, Math.max(0, moved) / seconds)
  }
  return rates
}

/** @param {Status} status */
function take(status) {
  // An upgraded agent brings its own page.
  if (latest !== null && latest.version !== status.version) location.reload()
  if (latest !== null && latest.startedAt !== status.startedAt) samples = []
  latest = status
  latestAt = performance.now()
  // By the page's own clock: bytes that came at once after a pause did not take the pause to come.
  samples.push({ at: latestAt, bytes: sampleOf(status) })
  while (samples.length > 2 && samples[1] && samples[1].at < latestAt - rateWindowMs) samples.shift()
  draw(status, ratesOf(status, latestAt))
}

function open() {
  clearTimeout(reopenTimer)
  const source = new EventSource('/api/v1/events')
  source.addEventListener('status', event => {
    drawLive('good', 'live')
    take(JSON.parse(event.data))
  })
  source.addEventListener('error', () => {
    drawLive('bad', 'agent not reached, trying again')
    if (source.readyState !== EventSource.CLOSED) return
    // Refused for good, as by another program that took the port in between: ask again, slowly.
    source.close()
    reopenTimer = setTimeout(open, 5000)
  })
}

open()

// Times go on and rates fade although nothing happens; with nobody looking, not even that.
setInterval(() => {
  if (latest === null || document.hidden || document.body.classList.contains('stale')) return
  const now = performance.now()
  const quiet = now - latestAt
  if (quiet < 1000) return
  draw({ ...latest, now: latest.now + quiet }, quiet > quietMs ? new Map() : ratesOf(latest, now))
}, 1000)
