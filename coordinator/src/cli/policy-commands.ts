/** How `starling-coordinator policy` is said; what it does is in policy.ts. */
import { isPolicyScope } from '@starling/shared/policy-scope.ts'
import { InvalidArgumentError, Option, type Command } from 'commander'
import * as policy from './policy.ts'

export type AddCommand = (parent: Command, name: string, description: string) => Command

const scope = (): Option =>
  new Option('--scope <scope>', 'whom it is for: fleet, site:<name>, group:<name> or device:<agent id>')
    .argParser(text => {
      if (isPolicyScope(text)) return text
      throw new InvalidArgumentError('Give fleet, site:<name>, group:<name> or device:<agent id>.')
    })
    .default('fleet')
const reason = (): Option => new Option('--reason <text>', 'why, for the record').default('')

function staged(command: Command): Command {
  return command
    .option('--stages <list>', 'percentages, sites or groups, like group:pilots,site:berlin+bonn,10,100')
    .option('--hold <span>', 'how long each stage is watched before the next, or manual', '10m')
    .option('--at-once', 'everybody in one stage')
}

export function addPolicyCommands(program: Command, add: AddCommand): void {
  const parent = program
    .command('policy')
    .description('What agents may use, and who gets which version of it.')

  add(parent, 'ls', 'List the scopes that have a policy.').action(policy.showPolicies)
  add(parent, 'show', "Show a scope's policy and how its rollout is.")
    .argument('[version]', 'another version than the one in force', versionNumber)
    .addOption(scope())
    .action(async (version: number | undefined, options) => {
      await policy.showOnePolicy(options, version)
    })
  add(parent, 'history', 'List the versions, the newest first.').addOption(scope()).action(policy.showHistory)
  add(parent, 'diff', 'Show what differs between two versions.')
    .argument('<from>', 'a version', versionNumber)
    .argument('<to>', 'another', versionNumber)
    .addOption(scope())
    .action(async (from: number, to: number, options) => {
      await policy.showDiff(options, from, to)
    })
  add(parent, 'dry-run', 'Say what a policy would do to the fleet as it is, and change nothing.')
    .argument('<file>', 'JSON; - for standard input')
    .addOption(scope())
    .action(async (file: string, options) => {
      await policy.dryRunPolicy(options, file)
    })
  staged(add(parent, 'set', 'Make a new version of a policy, and begin to roll it out.'))
    .argument('<file>', 'JSON; - for standard input')
    .addOption(scope())
    .addOption(reason())
    .option('--no-rollout', 'only write it down')
    .action(async (file: string, options) => {
      await policy.setPolicy(options, file)
    })

  const rollout = parent.command('rollout').description('Bringing a version to its agents, stage by stage.')
  staged(add(rollout, 'start', 'Begin to roll a version out.'))
    .argument('<version>', 'as "policy history" lists it', versionNumber)
    .addOption(scope())
    .action(async (version: number, options) => {
      await policy.rolloutStart(options, version)
    })
  for (const [order, says] of [
    ['pause', 'Stay in this stage.'],
    ['resume', 'Go on, watching the stage anew.'],
    ['advance', 'Begin the next stage now.']
  ] as const) {
    add(rollout, order, says)
      .addOption(scope())
      .addOption(reason())
      .action(async options => {
        await policy.rolloutOrder(options, order)
      })
  }
  add(rollout, 'rollback', 'Give everybody the version before, or any other, at once.')
    .argument('[version]', 'or none, for no policy at all; left out: the one before', versionOrNone)
    .addOption(scope())
    .addOption(reason())
    .action(async (version: number | null | undefined, options) => {
      await policy.rollBack(options, version)
    })
  add(rollout, 'status', 'Show how the rollout is.').addOption(scope()).action(policy.rolloutStatus)
}

function versionNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new InvalidArgumentError('Give the number of a version, as "policy history" lists it.')
  return Number(text)
}

function versionOrNone(text: string): number | null {
  return text === 'none' ? null : versionNumber(text)
}
