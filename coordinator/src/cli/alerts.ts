/** `starling-coordinator alerts`: what fires, and where it is told. */
import * as alerts from '@starling/shared/admin-api/alerts.ts'
import { Option, type Command } from 'commander'
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
