/**
 * The agent's own page over a download that is only told of: `node pages-agent.ts FOLDER UPDATES_PER_SECOND`. Chunks are noted by
 * the agent's own code and cost nothing else, so what the process uses is what telling of them costs.
 */
import { ChunkSources } from '@starling/agent/insight/chunk-sources.ts'
import { Bitfield } from '@starling/shared/bitfield.ts'
import { MiB, secondMs, type Millis } from '@starling/shared/units.ts'
import { makePeer, makeStatus, makeTransfer, startLocalPage } from '../doubles/local-page.ts'

const [folder = '.', rate = '1000'] = process.argv.slice(2)
/** 4 GiB: a large feature update. Begins anew when it is full. */
const chunks = 4096
const everyMs: Millis = 10
const transfer = 'ab'.repeat(32)
const digest = new Uint8Array(32)
const key = 'download.example/windows-feature-update.esd'
const peers = Array.from({ length: 8 }, (_, at) => makePeer({ id: `12D3KooWPeer${at}` }))

const sources = new ChunkSources({ chunksOf: () => chunks, isGateway: () => false })
let have = new Bitfield(chunks)
let next = 0
let updates = 0
const page = await startLocalPage(folder, makeStatus({ peers }))
page.insight = {
  ...page.insight,
  chunks: () => sources.map({ transfer, chunkBytes: MiB, have, moving: new Set() })
}

function update(): void {
  if (next === chunks) {
    sources.note({ type: 'transfer-forgotten', transfer })
    have = new Bitfield(chunks)
    next = 0
  }
  const source = { kind: 'peer', peer: peers[next % peers.length]!.id } as const
  sources.note({ type: 'chunk-stored', transfer, chunk: next, digest, source, kept: true, fetch: null })
  have.set(next++)
  const one = { transfer, key, length: chunks * MiB, keptBytes: next * MiB, readers: 1, peers: peers.length }
  const totals = { ...page.status.totals, fromPeers: ++updates * MiB }
  page.status = { ...page.status, now: Date.now(), totals, transfers: [makeTransfer(one)] }
  page.changed()
}

// A loaded machine wakes us late: what was missed is made up for, so that the rate is what was asked for.
const beganAt = performance.now()
setInterval(() => {
  const due = ((performance.now() - beganAt) * Number(rate)) / secondMs
  while (updates < due) update()
}, everyMs)
process.stdout.write(`${JSON.stringify({ ready: true, page: `${page.address}/` })}\n`)
process.once('SIGTERM', () => process.exit(0))
