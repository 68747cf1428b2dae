/**
 * The command line `starling`: names, options and help of every command, and nothing else; what they do is in the file of
 * the command's name. Options of `run` are made from the settings' own words (config.ts), so none can be forgotten.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import { Command, CommanderError, Option } from 'commander'
import { dataFolderOf } from '../config-sources.ts'
import { settings } from '../config.ts'
import { ownVersion } from '../own-version.ts'
import type { TunnelledRequest } from '../ports.ts'
import { caExport, caInit, caRetry, caShow } from './ca.ts'
import { cacheLs, cachePin, cachePurge, cacheRebuild, cacheRm, cacheVerify } from './cache.ts'
import { checkConfig, reloadConfig, showConfig } from './config.ts'
import { configureClients } from './configure.ts'
import { describeError, exitCodeOf, exitCodes, exitCodesHelp } from './exit.ts'
import { doctor } from './doctor.ts'
import { explainUrl } from './explain.ts'
import { fetchUrl } from './fetch.ts'
import { joinFleet } from './join.ts'
import { openPage } from './page.ts'
import { showPolicy } from './policy.ts'
import { showRequests } from './requests.ts'
import { runAgent } from './run.ts'
import { createSecret } from './secret.ts'
import type { CommandTools } from './services.ts'
import { showOrders } from './orders.ts'
import { showPeers, showStatus } from './status.ts'
import { saveSupportBundle } from './support-bundle.ts'
import { showUpstreams } from './upstreams.ts'
import { showWhy } from './why.ts'

interface Common {
  readonly data?: string
  readonly json?: boolean
  readonly verbose?: boolean
}

interface RequestsFlags {
  readonly client?: string
  readonly host?: string
  readonly class?: string
  readonly since?: string
  readonly limit: string
}

interface ConfigureFlags {
  readonly list?: boolean
  readonly apply?: readonly string[]
  readonly undo?: readonly string[]
  readonly dryRun?: boolean
  readonly whatIf?: boolean
  readonly level?: string
  readonly wait: string
}

interface FetchFlags {
  readonly output?: string
  readonly resume: boolean
  readonly sha256?: string
  readonly background?: boolean
}

/** @returns the exit code */
export async function runCommandLine(argv: readonly string[], tools: CommandTools): Promise<number> {
  try {
    await createProgram(tools, await ownVersion()).parseAsync(argv, { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    // Commander has told it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    tools.terminal.progress(null)
    tools.terminal.note(describeError(error, argv.includes('--verbose')))
    return exitCodeOf(error)
  }
}

function createProgram(tools: CommandTools, version: string): Command {
  const { env } = tools.terminal
  const common = ({ data, json }: Common) => ({
    dataFolder: dataFolderOf({ dataFolder: data ?? null, env }),
    json: json === true
  })
  const program = new Command('starling')
    .description(
      'Starling delivers a file over the WAN once and shares it among the machines of a LAN, every byte verified.'
    )
    .usage('COMMAND [options]')
    .version(version, '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: text => tools.terminal.print(text.trimEnd()),
      writeErr: text => tools.terminal.note(text.trimEnd())
    })
    .showHelpAfterError('(--help tells more)')
    .addHelpText(
      'after',
      `
Examples:
  starling secret create                          a secret, so that machines may share without a coordinator
  starling join STARLING1-...                     become a member of a coordinator's fleet
  starling run                                    run the agent
  starling fetch http://origin.example/big.iso    get a file through it
  starling status --watch                         see what it does
${exitCodesHelp}`
    )

  const command = (
    parent: Command,
    name: string,
    description: string,
    examples: readonly string[]
  ): Command =>
    parent
      .command(name)
      .description(description)
      .option(
        '--data <folder>',
        `data folder of the agent (${dataFolderOf({ dataFolder: null, env })}, or STARLING_DATA)`
      )
      .option('--json', 'answer in JSON, for programs')
      .option('--verbose', 'with an error, tell where in the program it came from')
      .addHelpText(
        'after',
        `\nExamples:\n${examples.map(example => `  ${example}`).join('\n')}\n${exitCodesHelp}`
      )

  addRun(
    command(program, 'run', 'Run the agent until it is stopped (Ctrl-C).', [
      'starling run',
      'starling run --role gateway --cache-quota 200GiB',
      'starling run --data ./a --listen-port 0 --bulk-port 0 --proxy-port 0 --page-port 0 --json'
    ]),
    tools
  )

  command(program, 'status', 'Show what the running agent does.', [
    'starling status',
    'starling status --watch',
    'starling status --json'
  ])
    .option('--watch', 'go on showing it as it changes, until Ctrl-C')
    .action((options: Common & { watch?: boolean }) =>
      showStatus({ ...common(options), watch: options.watch === true }, tools)
    )

  command(
    program,
    'peers',
    'Show the agents that the running agent is connected with: how fast they are, and who is busy, failing or banned.',
    ['starling peers', 'starling peers --watch', 'starling peers --json']
  )
    .option('--watch', 'go on showing it every second, until Ctrl-C')
    .action((options: Common & { watch?: boolean }) =>
      showPeers({ ...common(options), watch: options.watch === true }, tools)
    )

  command(
    program,
    'why',
    'Tell why a download goes as it goes: where it comes from, what it waits for, why each peer is asked or not, and what limits it.',
    [
      'starling why                                    whatever is under way',
      'starling why http://origin.example/big.iso --watch',
      'starling why 3f9a                               the beginning of an id or a key, as `starling cache ls` shows them'
    ]
  )
    .argument('[content]', 'a URL, or the beginning of an id or a key')
    .option('--watch', 'go on showing it every second, until Ctrl-C')
    .action((name: string | undefined, options: Common & { watch?: boolean }) =>
      showWhy({ ...common(options), watch: options.watch === true }, name ?? null, tools)
    )

  command(
    program,
    'doctor',
    'Check the running agent: coordinator, gateway, peers, disk, clock, policy and proxy, each with what to do. The exit code is 1 when something is wrong.',
    ['starling doctor', 'starling doctor --json']
  ).action((options: Common) => doctor(common(options), tools))

  command(
    program,
    'support-bundle',
    'Save a zip for whoever helps: status, health, policy with sources, configuration without secrets, the last log lines.',
    [
      'starling support-bundle starling.zip',
      'starling support-bundle starling.zip --names     with the names of what was downloaded, and from where'
    ]
  )
    .argument('<file>', 'where to put it')
    .option('--names', 'leave host names and names of contents in; queries of URLs are left out in any case')
    .action((file: string, options: Common & { names?: boolean }) =>
      saveSupportBundle({ ...common(options), names: options.names === true }, file, tools)
    )

  command(
    program,
    'page',
    "Open the running agent's page in the browser, as somebody who may change what it keeps.",
    [
      'starling page',
      'starling page --print     only prints the address, which is good for one use within a minute'
    ]
  )
    .option('--print', 'print the address instead')
    .action((options: Common & { print?: boolean }) =>
      openPage({ ...common(options), print: options.print === true }, tools)
    )

  command(program, 'orders', 'Show what the coordinator wants this agent to have, and how far it is.', [
    'starling orders'
  ]).action((options: Common) => showOrders(common(options), tools))

  command(program, 'requests', "Show what clients asked of the running agent's proxy, the newest first.", [
    'starling requests --since 2h',
    'starling requests --client 10.1.2.3 --host "*.windowsupdate.com"',
    'starling requests --class windows-update --limit 1000 --json',
    'There is an access log on gateways, and where accessLog.enabled is on.'
  ])
    .option('--client <address>', 'only of this client')
    .option('--host <host>', 'only of this host, or *.example.com')
    .option('--class <class>', 'only of this content class')
    .option('--since <time>', 'only of a time like 2h until now, or since 2026-11-26T08:00:00Z')
    .option('--limit <number>', 'so many at the most', '100')
    .action(({ client, host, class: contentClass, since, limit, ...rest }: Common & RequestsFlags) =>
      showRequests(
        {
          ...common(rest),
          client: client ?? null,
          host: host ?? null,
          class: contentClass ?? null,
          since: since ?? null,
          limit: countOf(limit)
        },
        tools
      )
    )
  command(
    program,
    'upstreams',
    'Show the gateways, proxies and the direct way that the running agent asks beyond its site, and how they do.',
    ['starling upstreams', 'starling upstreams --json']
  ).action((options: Common) => showUpstreams(common(options), tools))

  command(program, 'fetch', 'Get a file through the running agent.', [
    'starling fetch http://origin.example/big.iso',
    'starling fetch http://origin.example/big.iso -o /tmp/big.iso --sha256 9f86d081...',
    'starling fetch http://origin.example/big.iso --verbose      also tells who was asked upstream, and how long that took',
    'An interrupted download is gone on with by the same command.'
  ])
    .argument('<url>', 'where the file is; http:// or https://')
    .option('-o, --output <file>', 'where to put it (default: the last part of the URL, in this folder)')
    .option('--no-resume', 'start from nothing, even if a part is there from before')
    .option('--sha256 <hex>', 'refuse the file if it hashes to something else')
    .option('--background', 'nobody waits for it: it yields to other traffic on the line')
    .action((url: string, options: Common & FetchFlags) =>
      fetchUrl(
        {
          ...common(options),
          output: options.output ?? null,
          resume: options.resume,
          sha256: options.sha256 ?? null,
          background: options.background === true,
          verbose: options.verbose === true
        },
        url,
        tools
      )
    )

  command(
    program,
    'explain',
    'Show what a web address is to Starling: its content class and key, whether and how it is shared, and what is kept of it.',
    [
      'starling explain http://dl.delivery.mp.microsoft.com/filestreamingservice/files/52fa8751-747d-479d-8f22-e32730cc0eb1',
      'starling explain --json "https://origin.example/big.iso?token=1"',
      'The address is not fetched. Without a running agent it is judged by config.json alone.'
    ]
  )
    .argument('<url>', 'what to explain; http:// or https://')
    .action((url: string, options: Common) => explainUrl(common(options), url, tools))

  command(program, 'join', 'Make this machine a member of a fleet, with the ticket that its admin made.', [
    'starling join STARLING1-...'
  ])
    .argument('<ticket>', 'what `starling-coordinator ticket create` printed')
    .action((ticket: string, options: Common) => joinFleet(common(options), ticket, tools))

  const config = program
    .command('config')
    .description('Check and show the configuration, and have the running agent take it over.')
  command(
    config,
    'check',
    'Tell all that is wrong with a configuration, each problem with its line and what to do. The exit code is 1 with an error, 0 with warnings alone.',
    [
      'starling config check',
      'starling config check ./new-config.json --offline',
      'STARLING_... in the environment counts, as it does for `starling run`.'
    ]
  )
    .argument('[file]', 'instead of config.json in the data folder')
    .option('--offline', 'do not try to reach the proxies and servers that it names')
    .action((file: string | undefined, options: Common & { offline?: boolean }) =>
      checkConfig({ ...common(options), file: file ?? null, offline: options.offline === true }, tools)
    )
  command(
    config,
    'show',
    'Show what is set and where it comes from: in the running agent, else in the data folder. Secrets are left out.',
    ['starling config show', 'starling config show --effective']
  )
    .option('--effective', 'the defaults as well')
    .action((options: Common & { effective?: boolean }) =>
      showConfig({ ...common(options), effective: options.effective === true }, tools)
    )
  command(
    config,
    'reload',
    'Have the running agent read its configuration again, which it otherwise does by itself within seconds of a change.',
    ['starling config reload']
  ).action((options: Common) => reloadConfig(common(options), tools))

  command(
    program,
    'configure',
    'Point programs of this machine at its agent, and put back what was there: Delivery Optimization, WSUS clients, WinHTTP, BITS, PAC, Go.',
    [
      'starling configure --list',
      'starling configure --apply delivery-optimization --what-if     shows what would change',
      'starling configure --apply delivery-optimization wsus          as administrator',
      'starling configure --undo all',
      'Each change is shown, made, tried out, and put back when the agent does not serve there. Applying twice changes nothing more.'
    ]
  )
    .option('--list', 'what there is, what is set, by whom, and what would change')
    .option('--apply <item...>', 'one of those in the list, or several')
    .option('--undo <item...>', 'put back what was there before, or all')
    .option('--dry-run', 'change nothing, tell what would be')
    .option('--what-if', 'the same')
    .option('--level <level>', 'machine or user, where there are both (pac, go)')
    .option('--wait <seconds>', 'wait so long for an agent that is just starting', '15')
    .action((options: Common & ConfigureFlags) =>
      configureClients(
        {
          ...common(options),
          list: options.list === true,
          apply: options.apply ?? [],
          undo: options.undo ?? [],
          dryRun: options.dryRun === true || options.whatIf === true,
          level: options.level ?? null,
          wait: options.wait
        },
        tools
      )
    )

  const policy = program
    .command('policy')
    .description('What policy says, and what follows from it on this machine.')
  command(
    policy,
    'show',
    "Show each value of policy that is set and where it comes from, this machine's state, and what follows.",
    ['starling policy show', 'starling policy show --all', 'starling policy show --json']
  )
    .option('--all', 'the defaults as well')
    .action((options: Common & { all?: boolean }) =>
      showPolicy({ ...common(options), all: options.all === true }, tools)
    )

  const cache = program
    .command('cache')
    .description('See and change what is kept. Works while the agent runs, and while it does not.')
  const content = [
    '<content>',
    'the beginning of its id, or its key, as `starling cache ls` shows them'
  ] as const
  command(cache, 'ls', 'List what is kept.', ['starling cache ls']).action((options: Common) =>
    cacheLs(common(options), tools)
  )
  command(
    cache,
    'verify',
    'Read and hash all that is kept; what is damaged is dropped, and the exit code is 1.',
    ['starling cache verify']
  ).action((options: Common) => cacheVerify(common(options), tools))
  command(cache, 'pin', 'Keep a content whatever the quota says.', ['starling cache pin 3f9a'])
    .argument(...content)
    .action((name: string, options: Common) => cachePin({ ...common(options), pinned: true }, name, tools))
  command(cache, 'unpin', 'Let a pinned content go when room is needed.', ['starling cache unpin 3f9a'])
    .argument(...content)
    .action((name: string, options: Common) => cachePin({ ...common(options), pinned: false }, name, tools))
  command(cache, 'rm', 'Remove a content from the cache.', ['starling cache rm 3f9a'])
    .argument(...content)
    .action((name: string, options: Common) => cacheRm(common(options), name, tools))
  command(
    cache,
    'purge',
    'Forget all versions of a content, or of a class of contents, here and at all agents; what is fetched afterwards is new.',
    [
      'starling cache purge http://origin.example/app.msi',
      'starling cache purge origin.example/app.msi     a key, or the beginning of an id, of `starling cache ls`',
      'starling cache purge windows-update             a content class'
    ]
  )
    .argument(
      '<what>',
      'a URL, a key or the beginning of an id as `starling cache ls` shows them, or a content class'
    )
    .action((what: string, options: Common) => cachePurge(common(options), what, tools))
  command(cache, 'rebuild', 'Make the index anew from the content files, with the agent stopped.', [
    'starling cache rebuild'
  ]).action((options: Common) => cacheRebuild(common(options), tools))

  const ca = program
    .command('ca')
    .description(
      'The CA of TLS interception, for the hosts in intercept.hosts. Works beside a running agent.'
    )
  command(ca, 'init', 'Make the CA, or a new one when intercept.hosts has changed.', [
    'starling ca init',
    'The first one signs at once. A new one signs when half of what the present one has left is over, so that there is time to deploy it.'
  ])
    .option('--now', 'it signs at once, and the present one never again: until it is deployed, nothing works')
    .action((options: Common & { now?: boolean }) =>
      caInit({ ...common(options), now: options.now === true }, tools)
    )
  command(ca, 'export', 'Give out the certificate, without its key, to be deployed.', [
    'starling ca export starling.cer    as Group Policy takes it: the youngest one, DER',
    'starling ca export ca.pem          all that have not expired, PEM',
    'starling ca export                 the same, printed'
  ])
    .argument('[file]', 'where to put it')
    .action((file: string | undefined, options: Common) =>
      caExport({ ...common(options), file: file ?? null }, tools)
    )
  command(ca, 'show', 'Show the CA: fingerprints, names, until when, and whether it fits the list.', [
    'starling ca show'
  ]).action((options: Common) => caShow(common(options), tools))
  command(
    ca,
    'retry',
    'Intercept those again that are tunnelled for a while, as after the CA was deployed.',
    [
      'starling ca retry                      all that `starling status` lists',
      'starling ca retry --client 192.0.2.9   what one machine did not take'
    ]
  )
    .option('--host <host>', 'only to this host')
    .option('--client <address>', 'only of this client')
    .action(({ host, client, ...options }: Common & TunnelledRequest) =>
      caRetry({ ...common(options), host, client }, tools)
    )

  const secret = program.command('secret').description('For fleets without a coordinator.')
  command(secret, 'create', 'Make a fleet secret: agents that have the same one share with each other.', [
    'starling secret create                puts it into the data folder of this machine',
    'starling secret create fleet.secret   puts it into a file, for other machines',
    'starling secret create -              prints it'
  ])
    .argument('[file]', 'where to put it; - prints it (default: fleet.secret in the data folder)')
    .action((file: string | undefined, options: Common) =>
      createSecret({ ...common(options), file: file ?? null }, tools)
    )

  return program
}

type RunOptionValues = Common & {
  readonly stopOnStdinEnd?: boolean
  readonly policy?: readonly string[]
} & Readonly<Record<string, unknown>>

function countOf(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw new StarlingError('usage', `--limit ${JSON.stringify(text)}: give a whole number like 100`)
}

const policyPrefix = 'policy.'

function addRun(run: Command, tools: CommandTools): void {
  run.option('--stop-on-stdin-end', 'stop when standard input ends')
  const offered = settings
    .filter(({ path }) => !path.startsWith(policyPrefix))
    .map(({ path, option, facts }) => {
      const byDefault = facts.defaultText === '' ? '' : ` (default: ${facts.defaultText})`
      const made = new Option(`${option} <${facts.word}>`, `${facts.what}${byDefault}`).helpGroup('Settings:')
      run.addOption(made)
      return { path, attribute: made.attributeName() }
    })
  run.addOption(
    new Option('--policy <name=value...>', 'a rule of policy, from the list below').helpGroup('Settings:')
  )
  run.addHelpText('after', ({ command: shown }) =>
    shown === run
      ? `
Settings come from, each beating the one before: the defaults, the coordinator's policy, config.json in the data folder, the environment,
these options, the machine's policy in the registry.
What is --cache-quota here is STARLING_CACHE_QUOTA there, and "cache": { "quotaBytes": ... } in config.json.
The fleet secret comes from fleet.secret in the data folder, another file, or the environment (STARLING_FLEET_SECRET).

Policy:
${policyHelp()}`
      : ''
  )
  run.action((options: RunOptionValues) => {
    const commandLine = new Map<string, string>()
    for (const { path, attribute } of offered) {
      const value = options[attribute]
      if (typeof value === 'string') commandLine.set(path, value)
    }
    for (const rule of options.policy ?? []) {
      const [, name, value] = /^([A-Za-z]+)=(.*)$/s.exec(rule) ?? []
      if (name === undefined || value === undefined) {
        throw new StarlingError(
          'usage',
          `--policy ${JSON.stringify(rule)}: give name=value, like uploadSlots=4`
        )
      }
      commandLine.set(`${policyPrefix}${name}`, value)
    }
    return runAgent(
      {
        json: options.json === true,
        stopOnStdinEnd: options.stopOnStdinEnd === true,
        sources: { dataFolder: options.data ?? null, env: tools.terminal.env, commandLine }
      },
      tools
    )
  })
}

function policyHelp(): string {
  return settings
    .filter(({ path }) => path.startsWith(policyPrefix))
    .map(
      ({ path, facts }) => `  ${path.slice(policyPrefix.length)}=${facts.defaultText}\n      ${facts.what}`
    )
    .join('\n')
}
