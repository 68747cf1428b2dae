#!/usr/bin/env node
/** The command line `starling-coordinator`. */
import './threads.ts'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { accountRoles } from '@starling/shared/admin-api/roles.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { isAgentId, type AgentId } from '@starling/shared/ids.ts'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import {
  changeAccount,
  createAccount,
  createToken,
  listAccounts,
  listTokens,
  offerFirstAdmin,
  removeAccount,
  resetPassword,
  revokeToken
} from './cli/accounts.ts'
import { createTicket, listTickets, purge, revoke, revokeTicket, showStatus } from './cli/admin.ts'
import { addPolicyCommands } from './cli/policy-commands.ts'
import { addAlertCommands } from './cli/alerts.ts'
import { addOrderCommands } from './cli/order-commands.ts'
import { addFleetCommands } from './cli/fleet-commands.ts'
import { exitCodeOf, exitCodes, print, printError } from './cli/output.ts'
import { createConfig, defaultPort, defaultSite, parseDuration } from './config.ts'
import {
  databaseVariable,
  passwordVariable,
  readDatabaseAccess,
  type DatabaseInput
} from './database-access.ts'
import { masterKeyFileName, masterKeyVariable } from './master-key.ts'
import { ownVersion } from './own-version.ts'

const dataFolder = new Option('--data <folder>', 'where keys and database live')
  .env('STARLING_COORDINATOR_DATA')
  .default(defaultDataFolder())
const masterKeyFile = new Option(
  '--master-key-file <file>',
  `what wraps the keys of sealed secrets (env: ${masterKeyVariable}; default: ${masterKeyFileName} in --data)`
)
const masterKeyDpapi = new Option(
  '--master-key-dpapi',
  'Windows: keep the master key in --data under DPAPI'
).default(false)
const asJson = new Option('--json', 'answer in JSON').default(false)

function createProgram(): Command {
  const program = new Command('starling-coordinator')
    .description(
      'Decides who belongs to a fleet of Starling agents, tells them of each other, and runs a gateway for its site.'
    )
    .addHelpText('after', '\n`starling-coordinator --version` prints the version.')
    .showHelpAfterError('(--help tells more)')
    .exitOverride()

  command(program, 'run', 'Run the coordinator (with a gateway, unless told otherwise) until it is stopped.')
    .option('--listen <host:port>', 'where to listen', `0.0.0.0:${defaultPort}`)
    .option(
      '--advertise <host:port...>',
      'how agents reach it, for tickets (default: worked out from --listen)'
    )
    .option(
      '--site <name>',
      'site of the gateway, and where machines begin whose ticket names none',
      defaultSite
    )
    .option('--no-gateway', 'run without the embedded gateway')
    .option(
      '--database <url>',
      `a PostgreSQL for several coordinators, postgres://user@host/name (env: ${databaseVariable}; default: SQLite in --data)`
    )
    .option(
      '--database-password-file <file>',
      `holds its password, readable by its owner only (or env: ${passwordVariable})`
    )
    .option(
      '--tls-cert <file>',
      'certificate (PEM, with its chain) that browsers see (default: one of its own)'
    )
    .option('--tls-key <file>', 'the key of that certificate (PEM)')
    .option('--heartbeat <span>', 'how often agents report', '30s')
    .option('--audit-keep <span>', 'how long entries of the audit log are kept', '730d')
    .option(
      '--otlp-endpoint <url>',
      'collector of OpenTelemetry that traces are sent to, like http://collector:4318 (or env: OTEL_EXPORTER_OTLP_ENDPOINT; default: none)'
    )
    .addOption(masterKeyFile)
    .addOption(masterKeyDpapi)
    .addOption(
      new Option('--log-level <level>', 'how much to log to stderr')
        .choices(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
        .default('info')
    )
    .option('--stop-on-stdin-end', 'stop when standard input ends', false)
    .action(async ({ heartbeat, auditKeep, json, logLevel, stopOnStdinEnd, ...input }: RunInput) => {
      const database = await readDatabaseAccess(input, process.env)
      const config = createConfig({
        ...input,
        database,
        heartbeatMs: parseDuration(heartbeat),
        auditKeepMs: parseDuration(auditKeep),
        environment: process.env
      })
      // Loaded only when wanted: the server, and even more so the gateway, which is a whole agent.
      const { run } = await import('./cli/run.ts')
      const startGateway = config.gateway ? (await import('./gateway.ts')).startGateway : null
      await run(config, startGateway, { json, logLevel, stopOnStdinEnd })
    })

  command(program, 'status', 'Show how the fleet is, and what happened lately.').action(showStatus)
  addFleetCommands(program, command)
  addAlertCommands(program, command)
  addOrderCommands(program, command)

  const ticket = program.command('ticket').description('What new machines join with.')
  command(ticket, 'create', 'Print a new ticket: one line that lets machines join.')
    .option(
      '--site <name>',
      "site that the machines join (default: what siteDefinitions of their policy find, beginning at the coordinator's)"
    )
    .option('--group <name>', 'group of policies that the machines are put into')
    .option('--uses <count>', 'how many machines may join with it', wholeNumber, 1)
    .option('--expires <span>', 'until when, for example 12h or 7d', '7d')
    .addOption(
      new Option('--role <role>', 'what the machines become').choices(['agent', 'gateway']).default('agent')
    )
    .action(createTicket)
  command(ticket, 'ls', 'List tickets, without their secrets.').action(listTickets)
  command(ticket, 'revoke', 'Let nobody join with a ticket any more; who has joined stays.')
    .argument('<ticket>', 'its id, as "starling-coordinator ticket ls" shows it')
    .action(async (id: string, options) => {
      await revokeTicket(options, id)
    })

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
  addAccounts(program)
  addUpkeep(program)
  return program
}

function addAccounts(program: Command): void {
  const role = (): Option =>
    new Option('--role <role>', 'what they may do').choices(accountRoles).makeOptionMandatory()
  command(program, 'first-admin', 'Print a new code that makes the first admin.').action(offerFirstAdmin)

  const account = program.command('account').description('People who may sign in.')
  const named = (name: string, what: string): Command =>
    command(account, name, what).argument('<name>', 'lower case')
  named('create', 'Make an account; the password is asked for, or read from stdin.')
    .addOption(role())
    .action(async (name: string, options) => {
      await createAccount(options, name)
    })
  command(account, 'list', 'List accounts.').action(listAccounts)
  named('disable', 'Let an account sign in no more, and end its sessions.').action(
    async (name: string, options) => {
      await changeAccount(options, name, { disabled: true })
    }
  )
  named('enable', 'Let a disabled account sign in again.').action(async (name: string, options) => {
    await changeAccount(options, name, { disabled: false })
  })
  named('password', 'Give an account a new password, and end its sessions.').action(
    async (name: string, options) => {
      await resetPassword(options, name)
    }
  )
  named('remove', 'Remove an account.').action(async (name: string, options) => {
    await removeAccount(options, name)
  })

  const token = program.command('token').description('What programs use the API with.')
  command(token, 'create', 'Print a new API token. It is shown once.')
    .argument('<name>', 'what it is for')
    .addOption(role())
    .option('--site <name>', 'for what concerns this site only')
    .option('--expires <span>', 'until when, for example 12h or 90d', '90d')
    .action(async (name: string, options) => {
      await createToken(options, name)
    })
  command(token, 'list', 'List API tokens, without their secrets.').action(listTokens)
  command(token, 'revoke', 'Revoke an API token, at once.')
    .argument('<token>', 'its id, as "starling-coordinator token list" shows it')
    .action(async (id: string, options) => {
      await revokeToken(options, id)
    })
}

// Loaded only when wanted: they bring keys and, when no coordinator runs, a database.
const upkeepCommands = () => import('./cli/upkeep.ts')

function addUpkeep(program: Command): void {
  const upkeep = (parent: Command, name: string, what: string): Command =>
    command(parent, name, what).addOption(masterKeyFile).addOption(masterKeyDpapi)
  const audit = program.command('audit').description('What was done, and by whom.')
  upkeep(audit, 'verify', 'Find any change, gap or cut in the audit log.').action(async options => {
    await (await upkeepCommands()).verifyAuditLog(options)
  })
  upkeep(audit, 'export', 'Write the audit log as JSON lines into a new file.')
    .argument('<file>')
    .action(async (file: string, options) => {
      await (await upkeepCommands()).exportAuditLog(options, file)
    })

  const secrets = program.command('secrets').description('What is sealed in the database.')
  upkeep(secrets, 'rotate', 'Seal all secrets anew under a new data key.').action(async options => {
    await (await upkeepCommands()).rotate(options)
  })
  upkeep(
    secrets,
    'change-master-key',
    'Put a new master key in the place of the old one, and seal all secrets anew.'
  )
    .option(
      '--new-master-key-file <file>',
      'holds the new one: 32 random bytes in base64url (default: one is made)'
    )
    .action(async options => {
      await (await upkeepCommands()).changeKey(options)
    })

  upkeep(
    program,
    'backup',
    'Write everything but the keys into a new file, whether the coordinator runs or not.'
  )
    .argument('<file>')
    .action(async (file: string, options) => {
      await (await upkeepCommands()).backup(options, file)
    })
  command(program, 'restore', 'Bring a backup back, into a data folder that is empty.')
    .argument('<file>')
    .action(async (file: string, options) => {
      await (await upkeepCommands()).restore(options, file)
    })

  const key = program.command('key').description('The keys of fleet and coordinator, and the master key.')
  upkeep(key, 'export', 'Write the keys into a new file, under a passphrase.')
    .argument('<file>')
    .action(async (file: string, options) => {
      await (await upkeepCommands()).exportKeysTo(options, file)
    })
  command(key, 'import', 'Bring the keys back into a data folder that has none.')
    .argument('<file>')
    .action(async (file: string, options) => {
      await (await upkeepCommands()).importKeysFrom(options, file)
    })
}

interface RunInput extends DatabaseInput {
  readonly data: string
  readonly listen: string
  readonly advertise?: readonly string[]
  readonly site: string
  readonly gateway: boolean
  readonly heartbeat: string
  readonly auditKeep: string
  readonly masterKeyFile?: string
  readonly masterKeyDpapi?: boolean
  readonly json: boolean
  readonly logLevel: string
  readonly stopOnStdinEnd: boolean
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
  // No option of the program: commands have one of that name.
  if (argv[0] === '--version') {
    print(await ownVersion())
    return exitCodes.ok
  }
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
