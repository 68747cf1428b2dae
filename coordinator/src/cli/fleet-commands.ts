/** How the commands about the fleet are said; what they do is in fleet.ts. */
import { isAgentId, type AgentId } from '@starling/shared/ids.ts'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { AdminOptions } from './admin.ts'
import * as fleet from './fleet.ts'
import type { AddCommand } from './policy-commands.ts'

export function addFleetCommands(program: Command, add: AddCommand): void {
  const sited = (command: Command): Command => command.option('--site <name>', 'of this site only')
  sited(add(program, 'fleet', 'Show who is there, what is wrong, and what was saved.')).action(
    fleet.showFleet
  )
  sited(add(program, 'sites', 'List the sites and how they are.')).action(fleet.listSites)
  sited(add(program, 'contents', 'List what agents fetch and keep, what is in flight first.')).action(
    fleet.listContents
  )

  const agents = sited(add(program, 'agents', 'List the agents of the fleet.'))
    .option('--group <name>', 'of this group of policies only')
    .addOption(new Option('--state <state>', 'only these').choices(['online', 'offline', 'revoked']))
    .option('--problem <name>', 'only those who have it, such as low-disk or unreachable')
    .option('--version <version>', 'only those of this version')
    .option('--search <text>', 'part of an id or of a host name')
    .action(fleet.listAgents)
  add(agents, 'show', 'Show all that is known of one agent.')
    .argument('<agent>', 'its id', agentId)
    .action(async (agent: AgentId, _, command: Command) =>
      fleet.showAgent(command.optsWithGlobals<AdminOptions>(), agent)
    )
  add(agents, 'move', 'Put an agent into another site or group.')
    .argument('<agent>', 'its id', agentId)
    .addOption(new Option('--site <name>', 'its site from now on').conflicts('foundSite'))
    .option('--found-site', 'from now on its site is what siteDefinitions of its policy find for it')
    .option('--group <name>', 'its group of policies from now on; empty for none')
    .action(async (agent: AgentId, _, command: Command) => fleet.moveAgent(command.optsWithGlobals(), agent))
  add(agents, 'decommission', 'Put a machine that is no more out of the fleet and off its lists.')
    .argument('<agent>', 'its id', agentId)
    .option('--reason <text>', 'why, for the record', '')
    .action(async (agent: AgentId, _, command: Command) =>
      fleet.decommission(command.optsWithGlobals(), agent)
    )
}

function agentId(text: string): AgentId {
  if (!isAgentId(text)) throw new InvalidArgumentError('Give the 52 characters that begin with 12D3KooW.')
  return text
}
