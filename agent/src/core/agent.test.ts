import { Bitfield } from '@starling/shared/bitfield.ts'
import { transferIdOf, type SignedHead } from '@starling/shared/manifest.ts'
import { MiB } from '@starling/shared/units.ts'
import { expect, test } from 'vitest'
import { createAgentCore } from './agent.ts'

const policy = {
  upstreamSlots: 2,
  siteUpstreamSlots: 6,
  uploadSlots: 8,
  downloadSlots: 16,
  delayForegroundDownloadFromHttpMs: 2000,
  upstreamWeight: 500
}

function headOf(name: string): SignedHead {
  const head = {
    key: `origin.example/${name}`,
    length: 64 * MiB,
    validator: `"${name}"`,
    chunkBytes: MiB,
    contentClass: 'generic-download',
    headers: [],
    promised: null
  }
  const signed = { issuer: 'me', issuedAt: 0, expiresAt: 1e12, serial: 1, bytes: new Uint8Array(64) }
  return { transfer: transferIdOf(head), head, signed }
}

test('what is pinned while the agent runs is not evicted, and can go once it is unpinned', () => {
  const core = createAgentCore({ self: 'me', role: 'agent', site: 'lab', policy })
  const [old, young] = [headOf('old'), headOf('young')]
  for (const [at, head] of [old, young].entries()) {
    const have = Bitfield.full(64)
    core.step({ type: 'transfer-loaded', head, have, digests: [], lastUsedAt: at, pinned: false }, 10)
  }
  const full = {
    type: 'disk-changed',
    usedBytes: 128 * MiB,
    quotaBytes: 128 * MiB,
    freeBytes: 1024 * MiB,
    floorBytes: 0
  } as const
  core.step({ type: 'transfer-pinned', transfer: old.transfer, pinned: true }, 20)
  expect(core.step(full, 30)).toEqual([{ type: 'evict', transfer: young.transfer }])
  core.step({ type: 'transfer-pinned', transfer: old.transfer, pinned: false }, 40)
  expect(core.step(full, 50)).toEqual([{ type: 'evict', transfer: old.transfer }])
})
