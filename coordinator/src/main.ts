#!/usr/bin/env node
/** The command line `starling-coordinator`. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { isAgentId, type AgentId } from '@starling/shared/ids.ts'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { createTicket, listTickets, purge, revoke, showStatus } from './cli/admin.ts'
import { addPolicyCommands } from './cli/policy-commands.ts'
import { addAlertCommands } from './cli/alerts.ts'
import { addFleetCommands } from './cli/fleet-commands.ts'
import { exitCodeOf, exitCodes, printError } from './cli/output.ts'
import { createConfig, defaultPort, defaultSite, parseDuration } from './config.ts'
import {
  databaseVariable,
  passwordVariable,
  readDatabaseAccess,
  type DatabaseInput
} from './database-access.ts'

const dataFolder = new Option('--data <folder>', 'where keys and database live')
  .env('STARLING_COORDINATOR_DATA')
  .default(defaultDataFolder())
const asJson = new Option('--json', 'answer in JSON').default(false)

function createProgram(): Command {
  const program = new Command('starling-coordinator')
    .description(
      'Decides who belongs to a fleet of Starling agents, tells them of each other, and runs a gateway for its site.'
    )
    .showHelpAfterError('(--help tells more)')
    .exitOverride()

  command(program, 'run', 'Run the coordinator (with a gateway, unless told otherwise) until it is stopped.')
    .option('--listen <host:port>', 'where to listen', `0.0.0.0:${defaultPort}`)
    .option(
      '--advertise <host:port...>',
      'how agents reach it, for tickets (default: worked out from --listen)'
    )
    .option('--site <name>', 'site of the gateway, and of tickets that name none', defaultSite)
    .option('--no-gateway', 'run without the embedded gateway')
    .option(
      '--database <url>',
      `a PostgreSQL for several coordinators, postgres://user@host/name (env: ${databaseVariable}; default: SQLite in --data)`
    )
    .option(
      '--database-password-file <file>',
      `holds its password, readable by its owner only (or env: ${passwordVariable})`
    )
    .option('--heartbeat <span>', 'how often agents report', '30s')
    .addOption(
      new Option('--log-level <level>', 'how much to log to stderr')
        .choices(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
        .default('info')
    )
    .action(async ({ heartbeat, json, logLevel, ...input }: RunInput) => {
      const database = await readDatabaseAccess(input, process.env)
      const config = createConfig({ ...input, database, heartbeatMs: parseDuration(heartbeat) })
      // Loaded only when wanted: the server, and even more so the gateway, which is a whole agent.
      const { run } = await import('./cli/run.ts')
      const startGateway = config.gateway ? (await import('./gateway.ts')).startGateway : null
      await run(config, startGateway, { json, logLevel })
    })

  command(program, 'status', 'Show how the fleet is, and what happened lately.').action(showStatus)
  addFleetCommands(program, command)
  addAlertCommands(program, command)

  const ticket = program.command('ticket').description('What new machines join with.')
  command(ticket, 'create', 'Print a new ticket: one line that lets machines join.')
    .option('--site <name>', "site that the machines join (default: the coordinator's)")
    .option('--group <name>', 'group of policies that the machines are put into')
    .option('--uses <count>', 'how many machines may join with it', wholeNumber, 1)
    .option('--expires <span>', 'until when, for example 12h or 7d', '7d')
    .addOption(
      new Option('--role <role>', 'what the machines become').choices(['agent', 'gateway']).default('agent')
    )
    .action(createTicket)
  command(ticket, 'ls', 'List tickets, without their secrets.').action(listTickets)

  command(program, 'revoke', 'Put an agent out of the fleet, for good.')
    .argument('<agent>', 'its id, as "starling-coordinator agents" lists it', agentId)
    .option('--reason <text>', 'why, for the record', '')
    .action(async (agent: AgentId, options) => {
      await revoke(options, agent)
    })

  addPolicyCommands(program, command)

  const cache = program.command('cache').description('What the agents of the fleet keep.')
  command(
    cache,
    'purge',
    'Make all agents forget a content, or a class of contents; what is fetched afterwards is new.'
  )
    .argument(
      '<what>',
      'a URL, a key as "starling cache ls" shows it, or a content class such as windows-update'
    )
    .option('--reason <text>', 'why, for the record', '')
    .action(async (what: string, options) => {
      await purge(options, what)
    })
  return program
}

interface RunInput extends DatabaseInput {
  readonly data: string
  readonly listen: string
  readonly advertise?: readonly string[]
  readonly site: string
  readonly gateway: boolean
  readonly heartbeat: string
  readonly json: boolean
  readonly logLevel: string
}

function command(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).addOption(dataFolder).addOption(asJson)
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1 to 999999.')
  return Number(text)
}

function agentId(text: string): AgentId {
  if (!isAgentId(text)) throw new InvalidArgumentError('Give the 52 characters that begin with 12D3KooW.')
  return text
}

/** Where services keep their data; a user who tries it out without rights gets a folder of their own. */
function defaultDataFolder(): string {
  if (process.platform === 'win32')
    return join(process.env.ProgramData ?? 'C:\\ProgramData', 'Starling', 'coordinator')
  return process.getuid?.() === 0
    ? '/var/lib/starling-coordinator'
    : join(homedir(), '.local', 'share', 'starling-coordinator')
}

async function main(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(argv, { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    // Commander has printed its message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    if (!(error instanceof StarlingError))
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    else printError(error, argv.includes('--json'))
    return exitCodeOf(error)
  }
}

process.exitCode = await main(process.argv.slice(2))
