/** `starling-coordinator alerts`: what fires, and where it is told. */
import * as alerts from '@starling/shared/admin-api/alerts.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { Option, type Command } from 'commander'
import { parseDuration } from '../config.ts'
import type { AdminOptions } from './admin.ts'
import { createAdminClient } from './admin-client.ts'
import { print, table, when } from './output.ts'
import type { AddCommand } from './policy-commands.ts'

export function addAlertCommands(program: Command, add: AddCommand): void {
  const parent = add(program, 'alerts', 'List alerts.').action(listAlerts)
  add(parent, 'ack', 'Note that somebody sees to an alert.')
    .argument('<alert>', 'its id, such as low-disk/main')
    .action(async (id: string, _, command: Command) => acknowledge(command.optsWithGlobals(), id))
  add(
    parent,
    'webhook',
    'Set where alerts are told. The address is read from standard input, for it is a secret.'
  )
    .addOption(
      new Option('--shape <shape>', 'who listens there')
        .choices(['json', 'slack', 'teams', 'wecom'])
        .default('json')
    )
    .option('--none', 'tell nobody any more')
    .action(async (_, command: Command) => setWebhook(command.optsWithGlobals()))
  add(parent, 'rules', 'List the rules: when what becomes an alert, and when it is over.').action(
    async (_, command: Command) => listRules(command.optsWithGlobals())
  )
  add(parent, 'set', 'Change a rule; what is left out stays.')
    .argument('<rule>', 'its id, such as low-disk')
    .option('--threshold <number>', 'the figure at which it fires; shares are parts of 1', Number)
    .option('--clears-below <number>', 'the figure below which it is over', Number)
    .option('--for <span>', 'how long the figure must be there, for example 15m')
    .option('--on', 'use it again')
    .option('--off', 'do not use it any more')
    .option('--default', 'make it what it was at first')
    .action(async (rule: string, _, command: Command) => setRule(command.optsWithGlobals(), rule))
  add(parent, 'test', 'Tell the webhook a made-up alert.').action(async (_, command: Command) =>
    testWebhook(command.optsWithGlobals())
  )
}

async function listAlerts({ data, json }: AdminOptions): Promise<void> {
  const answer = await (await createAdminClient(data)).ask(alerts.listAlerts, {})
  if (json) return print(JSON.stringify(answer))
  print(
    table(
      ['ALERT', 'STATE', 'VALUE', 'FIRED', 'OVER', 'SEEN BY'],
      answer.alerts.map(alert => [
        alert.id,
        alert.state,
        String(Number(alert.value.toFixed(3))),
        when(alert.firedAt),
        alert.resolvedAt === null ? '-' : when(alert.resolvedAt),
        alert.acknowledgedBy ?? '-'
      ])
    )
  )
}

async function listRules({ data, json }: AdminOptions): Promise<void> {
  const { rules } = await (await createAdminClient(data)).ask(alerts.listAlertRules, {})
  if (json) return print(JSON.stringify(rules))
  print(
    table(
      ['RULE', 'FIRES AT', 'OVER BELOW', 'AFTER', 'ABOUT'],
      rules.map(rule => [
        rule.id,
        rule.enabled ? String(rule.threshold) : 'off',
        String(rule.clearsBelow),
        `${rule.forMs / minuteMs} min`,
        rule.summary
      ])
    )
  )
}

async function setRule(
  options: AdminOptions & {
    readonly threshold?: number
    readonly clearsBelow?: number
    readonly for?: string
    readonly on?: boolean
    readonly off?: boolean
    readonly default?: boolean
  },
  rule: string
): Promise<void> {
  const { data, json, threshold, clearsBelow, on = false, off = false, default: first = false } = options
  const change = {
    ...(threshold === undefined ? {} : { threshold }),
    ...(clearsBelow === undefined ? {} : { clearsBelow }),
    ...(options.for === undefined ? {} : { forMs: parseDuration(options.for) }),
    ...(on === off ? {} : { enabled: on })
  }
  if (first === Object.keys(change).length > 0 || (on && off))
    throw new StarlingError('bad-rule', 'say either what is to be different, or --default')
  const answer = await (
    await createAdminClient(data)
  ).ask(alerts.setAlertRule, { params: { rule }, body: { change: first ? null : change } })
  if (json) return print(JSON.stringify(answer))
  const { forMs, clearsBelow: mark, enabled } = answer
  print(
    enabled
      ? `${rule} fires at ${answer.threshold} after ${forMs / minuteMs} min, and is over below ${mark}.`
      : `${rule} is off.`
  )
}

async function acknowledge({ data, json }: AdminOptions, id: string): Promise<void> {
  const answer = await (await createAdminClient(data)).ask(alerts.acknowledgeAlert, { body: { id } })
  print(json ? JSON.stringify(answer) : `${id}: noted.`)
}

async function setWebhook({
  data,
  json,
  shape,
  none
}: AdminOptions & {
  readonly shape: 'json' | 'slack' | 'teams' | 'wecom'
  readonly none?: boolean
}): Promise<void> {
  const webhook = none === true ? null : { url: await standardInput(), shape }
  const answer = await (await createAdminClient(data)).ask(alerts.setWebhook, { body: { webhook } })
  print(
    json
      ? JSON.stringify(answer)
      : webhook === null
        ? 'Alerts are told nowhere.'
        : 'Alerts are told there. Try it: alerts test'
  )
}

async function testWebhook({ data, json }: AdminOptions): Promise<void> {
  const answer = await (await createAdminClient(data)).ask(alerts.testWebhook, {})
  print(json ? JSON.stringify(answer) : 'The webhook has taken a made-up alert.')
}

async function standardInput(): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of process.stdin) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8').trim()
}
