/** `starling why`: why a download goes as it goes, out of the running agent's own mind. */
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { AgentStatus, TransferView } from '../ports.ts'
import type { WhyView } from '../views.ts'
import { requireAgent } from './api.ts'
import { bar, formatBytes, formatShare, formatSpan, formatTransfer, safeText, table } from './format.ts'
import type { CommandTools } from './services.ts'
import { showLive, type ShowOptions } from './watching.ts'
import { parseWebAddress } from './web-address.ts'
import { peerReasonText, policyReasonText, transferReasonText } from './why-text.ts'

const barWidth = 40

/** @param name a URL, or the beginning of a content's id or key; null: whatever is under way */
export async function showWhy(
  options: ShowOptions & { readonly dataFolder: string },
  name: string | null,
  tools: CommandTools
): Promise<void> {
  const api = await requireAgent(options.dataFolder)
  await showLive(options, tools, async () => {
    const status = await api.status()
    const chosen = choose(status, name)
    const views = await Promise.all(
      chosen.map(async one => ({
        view: one,
        why: (await api.look(`/api/v1/transfers/${one.transfer}/why`)) as WhyView
      }))
    )
    if (options.json) return JSON.stringify(views.map(({ why }) => why))
    if (views.length === 0) return 'nothing is under way. `starling cache ls` lists what is kept.'
    return views.map(({ view, why }) => whyText(view, why)).join('\n\n')
  })
}

/** @throws StarlingError `unknown-transfer`, `bad-url` */
function choose({ transfers, contentClasses }: AgentStatus, name: string | null): readonly TransferView[] {
  if (name === null) return transfers.filter(one => one.readers > 0 || (!one.complete && one.peers > 0))
  const isUrl = /^https?:\/\//i.test(name)
  const key = isUrl ? recognise(parseWebAddress(name).href, contentClasses).key : name
  const found = transfers.filter(one =>
    isUrl ? one.key === key : one.transfer.startsWith(name) || one.key.startsWith(name)
  )
  if (found.length > 0) return found
  throw new StarlingError(
    'unknown-transfer',
    `nothing of ${safeText(name)} is here: \`starling cache ls\` lists what is, and \`starling explain\` tells whether a URL is shared at all`
  )
}

export function whyText(view: TransferView, why: WhyView): string {
  const share = `${bar(view.keptBytes, view.length, barWidth)} ${formatShare(view.keptBytes, view.length)}`
  return [
    formatTransfer(view),
    share,
    ...why.reasons.map(reason => `  ${transferReasonText(reason)}`),
    ...why.policy.map(reason => `  policy: ${policyReasonText(reason)}`),
    ...section(
      'Peers:',
      why.peers.length === 0
        ? ''
        : table(
            ['AGENT', 'ROLE', 'HAS', 'OF USE', 'WHY'],
            why.peers.map(one => [
              shortId(one.peer),
              one.role,
              formatShare(one.chunks, why.chunks),
              `${one.useful} chunks`,
              one.reasons.map(reason => peerReasonText(reason)).join('; ')
            ])
          )
    ),
    ...section(
      'Fetched over the WAN by:',
      why.claims.length === 0
        ? ''
        : table(
            ['CHUNKS', 'AGENT', 'DONE', 'FOR', 'SILENT FOR'],
            why.claims.map(one => [
              `${one.firstChunk}-${one.endChunk - 1}`,
              one.own ? 'this machine' : shortId(one.claimant),
              formatBytes(one.bytesDone),
              formatSpan(one.sinceMs),
              formatSpan(one.silentMs)
            ])
          )
    )
  ].join('\n')
}

function section(title: string, text: string): string[] {
  return text === '' ? [] : ['', title, ...text.split('\n').map(line => `  ${line}`)]
}

/** Ids of one kind begin alike. */
const shortId = (id: string): string => safeText(id.length > 12 ? `...${id.slice(-8)}` : id)
