/**
 * The cache as `starling cache` sees it: through the agent that runs on the folder, else the store itself, so that one can
 * look and mend while the agent is stopped. The store's lock keeps the two from meeting.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import { bytesOf } from '@starling/shared/chunking.ts'
import { targetOf, type PurgeRequest } from '@starling/shared/purge.ts'
import { loadConfig } from '../config-sources.ts'
import type { AgentConfig } from '../config.ts'
import type { PurgeResult, StoreUsage, StoredTransfer, StorePort, VerifyResult } from '../ports.ts'
import { purgeStore } from '../purge-memory.ts'
import { findAgent, type Api } from './api.ts'
import type { CommandTools } from './services.ts'

export interface CachedContent {
  readonly transfer: TransferId
  readonly key: string
  readonly length: number
  readonly keptBytes: number
  readonly complete: boolean
  readonly pinned: boolean
  readonly lastUsedAt: number
}

export interface CacheAccess {
  list(): Promise<{ readonly contents: readonly CachedContent[]; readonly usage: StoreUsage }>
  verify(): AsyncIterable<VerifyResult>
  pin(transfer: TransferId, pinned: boolean): Promise<void>
  remove(transfer: TransferId): Promise<void>
  /** @throws StarlingError `bad-url` */
  purge(request: PurgeRequest): Promise<PurgeResult>
}

/** Runs `use` on the cache of this folder and closes what it opened. */
export async function withCache<Result>(
  dataFolder: string,
  tools: CommandTools,
  use: (cache: CacheAccess) => Promise<Result>
): Promise<Result> {
  const api = await findAgent(dataFolder)
  if (api !== null) return use(throughApi(api, tools.signal))
  const store = await tools.services.openStore(await storedConfig(dataFolder, tools))
  try {
    return await use(await throughStore(store))
  } finally {
    await store.close()
  }
}

/** As the agent would be configured without options. */
export function storedConfig(dataFolder: string, { services, terminal }: CommandTools): Promise<AgentConfig> {
  return loadConfig({ dataFolder, env: terminal.env, commandLine: new Map() }, services.secrets)
}

function throughApi(api: Api, signal: AbortSignal): CacheAccess {
  return {
    async list() {
      const { transfers, store } = await api.status()
      return { contents: transfers, usage: store }
    },
    async *verify() {
      let ended = false
      for await (const line of api.lines('/api/v1/cache/verify', signal)) {
        const value = line as VerifyResult | { done: true } | { error: { code: string; message: string } }
        if ('error' in value) throw new StarlingError(value.error.code, value.error.message)
        if ('done' in value) ended = true
        else yield value
      }
      if (!ended)
        throw new StarlingError(
          'agent-gone',
          'the agent ended before all was verified; run the command again'
        )
    },
    pin: (transfer, pinned) => api.change(pinned ? 'PUT' : 'DELETE', `/api/v1/cache/${transfer}/pin`),
    remove: transfer => api.change('DELETE', `/api/v1/cache/${transfer}`),
    purge: async request => (await api.post('/api/v1/cache/purge', request)) as PurgeResult
  }
}

async function throughStore(store: StorePort): Promise<CacheAccess> {
  // Recovery comes before everything: what it finds wrong is not even listed.
  await store.load()
  return {
    list: async () => ({ contents: store.list().map(contentOf), usage: await store.usage() }),
    verify: () => store.verify(),
    pin: (transfer, pinned) => store.pin(transfer, pinned),
    remove: transfer => store.remove(transfer),
    purge: async request => ({
      forgotten: await purgeStore(store, targetOf(request), Date.now()),
      told: 0,
      notTold: 'the agent is stopped; purge again while it runs, on any machine of the site'
    })
  }
}

function contentOf({ head: { transfer, head }, have, lastUsedAt, pinned }: StoredTransfer): CachedContent {
  let keptBytes = 0
  for (const chunk of have.indices()) {
    const { start, end } = bytesOf({ start: chunk, end: chunk + 1 }, head.length, head.chunkBytes)
    keptBytes += end - start
  }
  return { transfer, key: head.key, length: head.length, keptBytes, complete: have.full, pinned, lastUsedAt }
}
