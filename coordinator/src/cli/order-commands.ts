/** How `starling-coordinator prestage|pin|unpin` are said; what they do is in orders.ts. */
import { isSiteId } from '@starling/shared/ids.ts'
import { isPolicyScope, type PolicyScope } from '@starling/shared/policy-scope.ts'
import { bytesFromText } from '@starling/shared/policy/quantities.ts'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { AdminOptions } from './admin.ts'
import * as orders from './orders.ts'
import type { AddCommand } from './policy-commands.ts'
import { momentFrom } from './moment.ts'

type Aimed = AdminOptions & {
  readonly scope?: readonly PolicyScope[]
  readonly sites?: readonly PolicyScope[]
  readonly reason: string
}

export function addOrderCommands(program: Command, add: AddCommand): void {
  const prestage = aimed(
    add(
      program,
      'prestage',
      'Have agents fetch a file in the background, so that it is there in time.'
    ).argument('<url>', 'what to fetch')
  )
    .addOption(
      new Option('--by <time>', 'when it is to be there: 06:00, 2026-12-01T06:00, or a span such as 8h')
        .argParser(text => moment(text))
        .default(null, '24h')
    )
    .addOption(
      new Option(
        '--rate <bytes>',
        'at most so much a second on each site, such as 2MiB (default: as policy says)'
      )
        .argParser(rate)
        .default(null, 'none')
    )
    .action(async (url: string, { by, rate: bytesPerSecond, ...options }: Aimed & PrestageOptions) => {
      await orders.prestage(options, {
        kind: 'prestage',
        what: url,
        scopes: scopesOf(options),
        by: by ?? moment('24h'),
        bytesPerSecond,
        reason: options.reason
      })
    })
  add(prestage, 'list', 'List orders and how far they are.')
    .option('--site <name>', 'that concern this site only')
    .action(async (_, command: Command) => orders.listOrders(command.optsWithGlobals()))
  add(prestage, 'show', 'Show how far each site is with an order.')
    .argument('<order>', 'its id')
    .action(async (id: string, _, command: Command) => orders.showOrder(command.optsWithGlobals(), id))
  add(prestage, 'withdraw', 'End an order: what is not fetched yet is not.')
    .argument('<order>', 'its id')
    .addOption(reason())
    .action(async (id: string, _, command: Command) => orders.withdraw(command.optsWithGlobals(), id))

  const what = 'a URL, a key as "starling cache ls" shows it, or the beginning of an id'
  aimed(add(program, 'pin', 'Have agents keep what they have of a content, whatever else comes.'))
    .argument('<what>', what)
    .action(async (content: string, options: Aimed) => {
      await orders.pin(options, {
        kind: 'pin',
        what: content,
        scopes: scopesOf(options),
        reason: options.reason
      })
    })
  add(program, 'unpin', 'Let agents let go again of what was pinned.')
    .argument('<what>', 'as it was pinned, or the id of the order')
    .addOption(reason())
    .action(async (content: string, options) => {
      await orders.unpin(options, content)
    })
}

interface PrestageOptions {
  readonly by: number | null
  readonly rate: number | null
}

function aimed(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--scope <scopes...>',
        'whom it is for: fleet, site:<name>, group:<name>, device:<agent id>'
      ).argParser((text, before: readonly PolicyScope[] | undefined) => [...(before ?? []), scope(text)])
    )
    .addOption(
      new Option('--sites <names>', 'the same for sites: berlin,bonn').argParser(text =>
        text.split(',').map(name => {
          if (isSiteId(name)) return `site:${name}`
          throw new InvalidArgumentError('Give the names of sites with commas between them.')
        })
      )
    )
    .addOption(reason())
}

/** Nobody means the whole fleet by saying nothing. */
function scopesOf({ scope: scopes = [], sites = [] }: Aimed): PolicyScope[] {
  return [...scopes, ...sites]
}

const reason = (): Option => new Option('--reason <text>', 'why, for the record').default('')

function scope(text: string): PolicyScope {
  if (isPolicyScope(text)) return text
  throw new InvalidArgumentError('Give fleet, site:<name>, group:<name> or device:<agent id>.')
}

function rate(text: string): number {
  const bytes = bytesFromText(text)
  if (bytes !== null && bytes >= 1024) return bytes
  throw new InvalidArgumentError('Give a rate of at least 1KiB a second, such as 500KiB or 2MiB.')
}

function moment(text: string): number {
  const at = momentFrom(text, new Date())
  if (at !== null) return at
  throw new InvalidArgumentError('Give a time such as 06:00 or 2026-12-01T06:00, or a span such as 8h.')
}
