/**
 * `starling explain URL`: how this agent would judge a request for it, without making one. What only the origin's answer can
 * tell (its length, no-store, a digest in a header) is said to depend on it.
 */
import { cacheHostAllows } from '@starling/shared/content-classes/cache-host.ts'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import { freshForMs, requestShareable } from '@starling/shared/http-sharing.ts'
import { keyHashOf, type PromisedDigest } from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { TransferView } from '../ports.ts'
import { findAgent } from './api.ts'
import { storedConfig } from './cache-access.ts'
import { formatBytes, formatShare, formatSpan, safeText } from './format.ts'
import type { CommandTools } from './services.ts'
import { parseWebAddress } from './web-address.ts'

/** What `--json` prints. */
interface Explanation {
  readonly url: string
  readonly contentClass: string
  readonly key: string
  readonly keyHash: string
  /** By the name. */
  readonly promised: PromisedDigest | null
  /** Why a plain GET of it would go past the swarm; null: it would not. */
  readonly notShared: string | null
  readonly minBytes: Bytes
  readonly immutable: boolean
  /** Null: as the response's headers say. */
  readonly freshMs: Millis | null
  readonly rangeFirst: boolean
  readonly cacheHostMayFetch: boolean
  /** Null: no agent runs. */
  readonly kept: readonly KeptVersion[] | null
}

type KeptVersion = Pick<
  TransferView,
  'transfer' | 'validator' | 'length' | 'keptBytes' | 'complete' | 'pinned' | 'peers'
>

export async function explainUrl(
  { dataFolder, json }: { readonly dataFolder: string; readonly json: boolean },
  text: string,
  tools: CommandTools
): Promise<void> {
  const url = parseWebAddress(text).href
  // A running agent may have been given more on its command line than the file tells.
  const status = await (await findAgent(dataFolder))?.status()
  const classes = status?.contentClasses ?? (await storedConfig(dataFolder, tools)).contentClasses
  const explanation = explain(url, classes, status?.transfers ?? null)
  tools.terminal.print(json ? JSON.stringify(explanation) : explanationText(explanation))
}

function explain(
  url: string,
  classes: readonly ContentClass[],
  transfers: readonly TransferView[] | null
): Explanation {
  const recognised = recognise(url, classes)
  const { contentClass, key, promised, minBytes, immutable, rangeFirst } = recognised
  return {
    url,
    contentClass,
    key,
    keyHash: keyHashOf(key),
    promised,
    notShared: requestShareable({ method: 'GET', headers: [] }, recognised),
    minBytes,
    immutable,
    freshMs: immutable ? freshForMs([], recognised, 0) : null,
    rangeFirst,
    cacheHostMayFetch: cacheHostAllows(url, classes),
    kept: transfers?.filter(one => one.key === key).map(versionOf) ?? null
  }
}

function versionOf(view: TransferView): KeptVersion {
  const { transfer, validator, length, keptBytes, complete, pinned, peers } = view
  return { transfer, validator, length, keptBytes, complete, pinned, peers }
}

function explanationText(it: Explanation): string {
  const isShared = it.notShared === null
  const facts: Array<readonly [string, string]> = [
    ['class', it.contentClass],
    ['key', safeText(it.key)],
    ['key hash', it.keyHash],
    ['name promises', it.promised === null ? 'no digest' : `${it.promised.algorithm} ${it.promised.hex}`],
    [
      'shared',
      isShared ? `yes, from ${formatBytes(it.minBytes)} on, if its answer allows it` : `no: ${it.notShared}`
    ],
    ...(isShared ? sharingFacts(it) : []),
    ['cache host', it.cacheHostMayFetch ? 'may fetch it' : 'may not fetch it'],
    ['kept', it.kept === null ? 'not known: no agent runs on this folder' : versionsText(it.kept)]
  ]
  return facts.map(([name, value]) => `${name.padEnd(14)} ${value}`).join('\n')
}

function sharingFacts({ freshMs, rangeFirst }: Explanation): Array<readonly [string, string]> {
  return [
    [
      'fresh',
      freshMs === null
        ? 'as long as its answer says'
        : `for ${formatSpan(freshMs)}: what has this key never changes`
    ],
    ['first request', rangeFirst ? 'may be for a range of it' : "is the client's own"]
  ]
}

function versionsText(kept: readonly KeptVersion[]): string {
  if (kept.length === 0) return 'nothing'
  return kept
    .map(one =>
      [
        `${one.transfer}  ${formatShare(one.keptBytes, one.length)} of ${formatBytes(one.length)}`,
        ...(one.validator === '' ? [] : [`validator ${safeText(one.validator)}`]),
        ...(one.pinned ? ['pinned'] : [])
      ].join(', ')
    )
    .join(`\n${' '.repeat(15)}`)
}
