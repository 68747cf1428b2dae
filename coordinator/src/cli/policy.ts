/** `starling-coordinator policy ...`: versions of policies, and their rollouts. */
import { readFile } from 'node:fs/promises'
import {
  addPolicyVersion,
  listPolicies,
  listPolicyVersions,
  orderRollout,
  rollBackPolicy,
  showPolicy,
  showPolicyVersion,
  startRollout,
  type PolicyFinding,
  type PolicyRecordView,
  type PolicyScopeView
} from '@starling/shared/admin-api/policy.ts'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import { diffOf } from '@starling/shared/policy/diff.ts'
import { stagesFromText } from '@starling/shared/rollout-words.ts'
import { parseDuration } from '../config.ts'
import type { AdminOptions } from './admin.ts'
import { createAdminClient } from './admin-client.ts'
import { print, table, when } from './output.ts'

interface Scoped extends AdminOptions {
  readonly scope: string
}
interface Reasoned extends Scoped {
  readonly reason: string
}
interface Staged {
  readonly stages?: string
  readonly hold?: string
  readonly atOnce?: boolean
}

export async function showPolicies({ data, json }: AdminOptions): Promise<void> {
  const { scopes } = await (await createAdminClient(data)).ask(listPolicies, {})
  if (json) return print(JSON.stringify(scopes))
  if (scopes.length === 0) return print('No scope has a policy yet: starling-coordinator policy set <file>')
  print(table(['SCOPE', 'VERSION', 'NEWEST', 'ROLLOUT'], scopes.map(rowOf)))
}

export async function showOnePolicy({ data, json, scope }: Scoped, version?: number): Promise<void> {
  const client = await createAdminClient(data)
  const policy = await client.ask(showPolicy, { params: { scope } })
  const shown = version ?? policy.current ?? policy.newest
  const record =
    shown === null ? null : await client.ask(showPolicyVersion, { params: { scope, version: String(shown) } })
  if (json) return print(JSON.stringify({ ...policy, record }))
  print(rolloutText(policy))
  if (record === null) return
  print(
    `\nVersion ${record.version}, by ${record.author} on ${when(record.createdAt)}${record.reason && `: ${record.reason}`}`
  )
  print(JSON.stringify(record.document, null, 2))
}

/** Writes the version down and begins to roll it out, unless told otherwise. */
export async function setPolicy(
  options: Reasoned & Staged & { readonly rollout: boolean },
  file: string
): Promise<void> {
  const { data, json, scope, reason, rollout } = options
  const client = await createAdminClient(data)
  const added = await client.ask(addPolicyVersion, {
    params: { scope },
    body: { document: await documentIn(file), reason }
  })
  const { version } = added
  const policy =
    version === null || !rollout
      ? null
      : await client.ask(startRollout, { params: { scope }, body: { version, ...stagesOf(options) } })
  if (json) return print(JSON.stringify({ ...added, policy }))
  print(`${scope} has version ${version}.`)
  print(changesText(added.changes))
  findingsOut(added.findings)
  print(
    policy === null
      ? `Nobody has it yet: starling-coordinator policy rollout start ${version} --scope ${scope}`
      : rolloutText(policy)
  )
}

export async function dryRunPolicy({ data, json, scope }: Scoped, file: string): Promise<void> {
  const client = await createAdminClient(data)
  const would = await client.ask(addPolicyVersion, {
    params: { scope },
    body: { document: await documentIn(file), dryRun: true }
  })
  if (json) return print(JSON.stringify(would))
  print(changesText(would.changes))
  findingsOut(would.findings)
  if (would.findings.every(({ kind }) => kind === 'odd')) print('Nobody would share less than now.')
}

export async function showHistory({ data, json, scope }: Scoped): Promise<void> {
  const { versions } = await (
    await createAdminClient(data)
  ).ask(listPolicyVersions, { params: { scope }, query: {} })
  if (json) return print(JSON.stringify(versions))
  print(
    table(
      ['VERSION', 'WHEN', 'BY', 'CHANGES', 'REASON'],
      versions.map(({ version, createdAt, author, changes, reason }) => [
        String(version),
        when(createdAt),
        author,
        String(changes.length),
        reason
      ])
    )
  )
}

export async function showDiff({ data, json, scope }: Scoped, from: number, to: number): Promise<void> {
  const client = await createAdminClient(data)
  const versionOf = (version: number): Promise<PolicyRecordView> =>
    client.ask(showPolicyVersion, { params: { scope, version: String(version) } })
  const [before, after] = [(await versionOf(from)).document, (await versionOf(to)).document]
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  const changes = names
    .map(name => ({ name, before: before[name], after: after[name] }))
    .filter(change => JSON.stringify(change.before) !== JSON.stringify(change.after))
  print(json ? JSON.stringify(changes) : changesText(changes))
}

export async function rolloutStart(options: Scoped & Staged, version: number): Promise<void> {
  const client = await createAdminClient(options.data)
  const { scope } = options
  out(options, await client.ask(startRollout, { params: { scope }, body: { version, ...stagesOf(options) } }))
}

export async function rolloutOrder(options: Reasoned, order: 'pause' | 'resume' | 'advance'): Promise<void> {
  const { data, scope, reason } = options
  out(
    options,
    await (await createAdminClient(data)).ask(orderRollout, { params: { scope }, body: { order, reason } })
  )
}

export async function rolloutStatus(options: Scoped): Promise<void> {
  const { data, scope } = options
  out(options, await (await createAdminClient(data)).ask(showPolicy, { params: { scope } }))
}

/** @param version null: none at all; undefined: the one before the rollout. */
export async function rollBack(options: Reasoned, version: number | null | undefined): Promise<void> {
  const { data, scope, reason } = options
  const body = { reason, ...(version === undefined ? {} : { version }) }
  out(options, await (await createAdminClient(data)).ask(rollBackPolicy, { params: { scope }, body }))
}

function out({ json }: AdminOptions, policy: PolicyScopeView): void {
  print(json ? JSON.stringify(policy) : rolloutText(policy))
}

async function documentIn(file: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')) as Record<string, unknown>
  } catch (cause) {
    throw new StarlingError(
      'bad-policy-file',
      `${file} cannot be read (${messageOf(cause)}): give a file with a policy in JSON, like {"DOMinRAMAllowedToPeer": 4}`,
      { cause }
    )
  }
}

function stagesOf({ stages, hold, atOnce }: Staged): {
  stages?: ReturnType<typeof stagesFromText>
} {
  if (stages === undefined && hold === '10m' && atOnce !== true) return {}
  const holdMs = hold === 'manual' ? null : parseDuration(hold ?? '10m')
  return { stages: stagesFromText(atOnce === true ? '100' : (stages ?? '1,10,50,100'), holdMs) }
}

function rowOf({ scope, current, newest, rollout }: PolicyScopeView): string[] {
  const said = (version: number | null): string => (version === null ? '-' : String(version))
  if (rollout === null) return [scope, said(current), said(newest), '']
  const { to, stage, stages, phase } = rollout
  const at = phase.kind === 'done' ? '' : ` at stage ${stage + 1} of ${stages.length}`
  return [scope, said(current), said(newest), `version ${to} ${phase.kind}${at}`]
}

function rolloutText(policy: PolicyScopeView): string {
  const { current, rollout, scope, seen } = policy
  const isOn = rollout?.phase.kind === 'running' || rollout?.phase.kind === 'paused'
  const others = isOn ? ' for those whom the rollout has not reached' : ''
  const lines = [
    current === null
      ? `${scope}: no version is in force${others}.`
      : `${scope}: version ${current} is in force${others}.`
  ]
  if (rollout !== null && rollout.phase.kind !== 'done') {
    const { to, stage, stages, phase, stageSince } = rollout
    lines.push(
      `Version ${to}: ${phase.kind} at stage ${stage + 1} of ${stages.length} (${whoText(stages[stage]!.who)}), since ${when(stageSince)}.`
    )
    if ('why' in phase) lines.push(`Why: ${phase.why}`)
  }
  if (seen !== null) {
    const { reached, others, held } = seen
    lines.push(
      `Of those it has come to: ${reached.present} there, ${reached.applied} have it, ${reached.refused} refused it, ` +
        `${reached.lost} fell silent; ${reached.errors} of ${reached.downloads} downloads failed in 5 minutes.`
    )
    if (others !== null)
      lines.push(
        `Of the others: ${others.present} there, ${others.lost} fell silent; ${others.errors} of ${others.downloads} downloads failed.`
      )
    if (held !== null) lines.push(`It does not go on by itself: ${held}.`)
  }
  return lines.join('\n')
}

function whoText(who: PolicyStageWho): string {
  if ('percent' in who) return `${who.percent} %`
  return 'sites' in who ? `sites ${who.sites.join(', ')}` : `groups ${who.groups.join(', ')}`
}
type PolicyStageWho = NonNullable<PolicyScopeView['rollout']>['stages'][number]['who']

function changesText(
  changes: ReadonlyArray<{ readonly name: string; readonly before?: unknown; readonly after?: unknown }>
): string {
  if (changes.length === 0) return 'Nothing changes.'
  const side = (which: 'before' | 'after') =>
    Object.fromEntries(
      changes.flatMap(change => (change[which] === undefined ? [] : [[change.name, change[which]] as const]))
    )
  return diffOf(side('before'), side('after'))
    .map(line => `  ${line}`)
    .join('\n')
}

function findingsOut(findings: readonly PolicyFinding[]): void {
  for (const { sentence } of findings) print(`! ${sentence}`)
}
