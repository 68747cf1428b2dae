import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '@starling/agent/log.ts'
import { createStore } from '@starling/agent/store/store.ts'
import { createMemoryStore } from '../doubles/memory-store.ts'
import { storeContract } from './store.contract.ts'

storeContract('in memory', async tunables => {
  const store = createMemoryStore(tunables)
  return { store, end: async () => await store.close() }
})

storeContract('on disk', async tunables => {
  const folder = await mkdtemp(join(tmpdir(), 'starling-store-'))
  const store = await createStore(
    { log: createLog('silent', 'test') },
    { folder, floorBytes: 0, ...tunables }
  )
  return {
    store,
    async end() {
      await store.close()
      await rm(folder, { recursive: true })
    }
  }
})
