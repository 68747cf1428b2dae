/** `starling cache ...`: what is kept, whether it is sound, and what shall stay or go. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import { requestOf } from '@starling/shared/purge.ts'
import { storedConfig, withCache, type CachedContent } from './cache-access.ts'
import { findAgent } from './api.ts'
import { formatBytes, formatShare, formatSpan, safeText, table } from './format.ts'
import type { CommandTools } from './services.ts'

interface Options {
  readonly dataFolder: string
  readonly json: boolean
}

/** Enough to tell contents apart at a glance, and what the other commands take. */
const idShown = 12

export async function cacheLs({ dataFolder, json }: Options, tools: CommandTools): Promise<void> {
  const { contents, usage } = await withCache(dataFolder, tools, cache => cache.list())
  const { terminal } = tools
  if (json) return terminal.print(JSON.stringify({ usage, contents }))
  const newestFirst = contents.toSorted((a, b) => b.lastUsedAt - a.lastUsedAt)
  if (newestFirst.length > 0) {
    terminal.print(
      table(
        ['ID', 'SIZE', 'KEPT', 'USED', '', 'CONTENT'],
        newestFirst.map(one => [
          one.transfer.slice(0, idShown),
          formatBytes(one.length),
          formatShare(one.keptBytes, one.length),
          `${formatSpan(Date.now() - one.lastUsedAt)} ago`,
          one.pinned ? 'pinned' : '',
          safeText(one.key)
        ])
      )
    )
  }
  terminal.print(
    `${newestFirst.length} kept, ${formatBytes(usage.usedBytes)} of ${formatBytes(usage.quotaBytes)} used, ` +
      `${formatBytes(usage.freeBytes)} free on the volume`
  )
}

/** @throws StarlingError `cache-damaged` after all was checked, if something was */
export async function cacheVerify({ dataFolder, json }: Options, tools: CommandTools): Promise<void> {
  const { terminal } = tools
  const sum = { transfers: 0, chunks: 0, bad: 0 }
  await withCache(dataFolder, tools, async cache => {
    for await (const result of cache.verify()) {
      sum.transfers++
      sum.chunks += result.chunks
      sum.bad += result.bad.length
      terminal.progress(`verified ${sum.transfers} contents, ${sum.chunks} chunks`)
      if (json) terminal.print(JSON.stringify(result))
      else if (result.bad.length > 0) {
        terminal.print(
          `${result.transfer.slice(0, idShown)}  ${result.bad.length} of ${result.chunks} chunks damaged: ${safeText(result.key)}`
        )
      }
      tools.signal.throwIfAborted()
    }
  }).finally(() => terminal.progress(null))
  if (json) terminal.print(JSON.stringify({ done: true, ...sum }))
  else terminal.print(`${sum.transfers} contents, ${sum.chunks} chunks verified, ${sum.bad} damaged`)
  if (sum.bad > 0) {
    throw new StarlingError(
      'cache-damaged',
      `${sum.bad} chunks were damaged and are dropped; they are fetched again when needed. If that happens again, check the disk`
    )
  }
}

export async function cachePin(
  options: Options & { readonly pinned: boolean },
  content: string,
  tools: CommandTools
): Promise<void> {
  await change(options, content, tools, options.pinned ? 'pinned' : 'unpinned', (cache, transfer) =>
    cache.pin(transfer, options.pinned)
  )
}

export async function cacheRm(options: Options, content: string, tools: CommandTools): Promise<void> {
  await change(options, content, tools, 'removed', (cache, transfer) => cache.remove(transfer))
}

/**
 * At this machine always; at the others, too, if they take this agent's word for it.
 * @throws StarlingError `unknown-content`, `bad-url`
 */
export async function cachePurge(
  { dataFolder, json }: Options,
  what: string,
  tools: CommandTools
): Promise<void> {
  const { request, result } = await withCache(dataFolder, tools, async cache => {
    const { contents } = await cache.list()
    const key = isIdBeginning(what) ? findContent(contents, what).key : what
    const request = requestOf(key, key => contents.some(one => one.key === key))
    return { request, result: await cache.purge(request) }
  })
  if (json) return tools.terminal.print(JSON.stringify({ ...request, ...result }))
  const { forgotten, told, notTold } = result
  const here = `purged ${safeText(Object.values(request).join(''))}: ${forgotten} forgotten here`
  tools.terminal.print(
    notTold === null
      ? `${here}, ${told} agents told, who tell the others`
      : `${here}; the site was not told: ${notTold}`
  )
}

/** @throws StarlingError `agent-running` */
export async function cacheRebuild({ dataFolder, json }: Options, tools: CommandTools): Promise<void> {
  if ((await findAgent(dataFolder)) !== null) {
    throw new StarlingError(
      'agent-running',
      'the agent on this folder is running: stop it first, then rebuild, then start it again'
    )
  }
  const result = await tools.services.rebuildStore(await storedConfig(dataFolder, tools))
  tools.terminal.print(
    json
      ? JSON.stringify(result)
      : `rebuilt: ${result.transfers} contents, ${result.chunks} chunks verified, ${result.bad} damaged and dropped`
  )
}

async function change(
  { dataFolder, json }: Options,
  content: string,
  tools: CommandTools,
  done: string,
  act: (cache: Parameters<Parameters<typeof withCache>[2]>[0], transfer: TransferId) => Promise<void>
): Promise<void> {
  const changed = await withCache(dataFolder, tools, async cache => {
    const { contents } = await cache.list()
    const one = findContent(contents, content)
    await act(cache, one.transfer)
    return one
  })
  tools.terminal.print(
    json ? JSON.stringify({ transfer: changed.transfer, [done]: true }) : `${done} ${safeText(changed.key)}`
  )
}

/**
 * By the beginning of its id, or by its key.
 * @throws StarlingError `unknown-content`, `ambiguous-content`
 */
function findContent(contents: readonly CachedContent[], wanted: string): CachedContent {
  const byId = isIdBeginning(wanted) ? contents.filter(one => one.transfer.startsWith(wanted)) : []
  const hits = byId.length > 0 ? byId : contents.filter(one => one.key === wanted)
  if (hits.length === 1) return hits[0]!
  if (hits.length === 0) {
    throw new StarlingError(
      'unknown-content',
      `nothing that is kept begins with or is called ${JSON.stringify(wanted)}: \`starling cache ls\` lists ids and keys`
    )
  }
  throw new StarlingError(
    'ambiguous-content',
    `${hits.length} contents match ${JSON.stringify(wanted)}: give more of the id (${hits.map(one => one.transfer.slice(0, idShown)).join(', ')})`
  )
}

function isIdBeginning(text: string): boolean {
  return /^[0-9a-f]{4,64}$/.test(text)
}
