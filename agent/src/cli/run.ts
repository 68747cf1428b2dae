/**
 * `starling run`: one agent, from its ready line until it is told to stop. Told by SIGTERM or Ctrl-C, by the end of stdin
 * with --stop-on-stdin-end (how a parent process stops a child on Windows, where there is no SIGTERM), or by a closed console.
 */
import { mkdir } from 'node:fs/promises'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { configSource, type ConfigSource } from '../config-reload.ts'
import { configOf, dataFolderOf, type ConfigReading, type ConfigSources } from '../config-sources.ts'
import type { AgentConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { withTicketFile } from '../ticket-file.ts'
import { removeAgentFile, writeAgentFile } from './agent-file.ts'
import { openControlChannel } from './control-channel.ts'
import { exitCodes } from './exit.ts'
import type { CommandTools, RunningAgent, Terminal } from './services.ts'

export interface RunOptions {
  readonly json: boolean
  readonly stopOnStdinEnd: boolean
  readonly sources: ConfigSources
}

/** Service managers wait 30 s (Windows) to 90 s (systemd) before they kill: well before that we end by ourselves. */
const stopWithinMs: Millis = 20 * secondMs

/** A laptop on its way through a building is at rest before it is taken for one of another site again. */
const anewEveryMs: Millis = 5 * minuteMs

/** Resolves when the agent has stopped. */
export async function runAgent(options: RunOptions, { services, terminal }: CommandTools): Promise<void> {
  const stopping = stopRequest(options.stopOnStdinEnd ? terminal.stdin : null, () =>
    services.lookAtMachinePolicy()
  )
  try {
    const source = await configSource(
      sources => services.readConfig(sources),
      options.sources,
      await services.keptPolicy(dataFolderOf(options.sources)),
      changed => services.watchMachinePolicy(changed)
    )
    let first = source.first
    let config = configOf(first)
    // Programs that the agent starts have no business with it.
    delete process.env['STARLING_FLEET_SECRET']
    await mkdir(config.dataFolder, { recursive: true, mode: 0o700 })
    const log = createLog(config.logLevel, 'agent')
    let anewAfter = 0
    for (;;) {
      const anew = anewRequest(anewAfter)
      const withTicket = await withTicketFile(config, path => services.secrets.readFile(path))
      const agent = await services.createAgent(withTicket, {
        log,
        source: { ...source, first },
        startAnew: anew.ask
      })
      try {
        await tellReady(agent, config, options.json, terminal)
        const why = await Promise.race([stopping.asked, anew.asked])
        log.info({ why }, 'stopping')
      } finally {
        anew.end()
        await stopAgent(agent)
        await removeAgentFile(config.dataFolder)
      }
      if (!anew.isDue()) return
      anewAfter = performance.now() + anewEveryMs
      first = await readAgain(source)
      config = configOf(first)
    }
  } finally {
    stopping.end()
  }
}

/** As it is by now; an agent that is made anew must not fail for what somebody is about to write. */
async function readAgain(source: ConfigSource): Promise<ConfigReading> {
  const reading = await source.read()
  return reading.problems.some(({ severity }) => severity === 'error') ? source.first : reading
}

async function tellReady(
  agent: RunningAgent,
  { dataFolder: data }: AgentConfig,
  json: boolean,
  terminal: Pick<Terminal, 'print'>
): Promise<void> {
  const { id, proxyAddress: proxy, pageAddress: page } = agent
  const { pid } = process
  await writeAgentFile(data, { pid, id, proxy, page, startedAt: Date.now() })
  const { site, role } = await agent.status()
  terminal.print(
    json
      ? JSON.stringify({ ready: true, id, proxy, page, site, role, data, pid })
      : `Ready: ${role} ${id} of site ${site}. Proxy ${proxy}, page ${page}. Ctrl-C stops.`
  )
}

/** An agent's wish to be made anew. @param notBefore as `performance.now()` has it */
function anewRequest(notBefore: number): {
  readonly ask: (why: string) => void
  readonly asked: Promise<string>
  isDue(): boolean
  end(): void
} {
  const { promise, resolve } = Promise.withResolvers<string>()
  let timer: NodeJS.Timeout | undefined
  let due = false
  return {
    ask: why => {
      timer ??= setTimeout(
        () => {
          due = true
          resolve(why)
        },
        Math.max(0, notBefore - performance.now())
      )
    },
    asked: promise,
    isDue: () => due,
    end() {
      clearTimeout(timer)
    }
  }
}

/** @throws StarlingError `stop-too-slow` */
async function stopAgent(agent: RunningAgent): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new StarlingError(
            'stop-too-slow',
            `the agent did not stop within ${stopWithinMs / secondMs} s and is ended now; what it keeps is checked at the next start`
          )
        ),
      stopWithinMs
    )
  })
  try {
    await Promise.race([agent.stop(), late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The first request to stop. A second signal ends the process at once; a signal after the end of stdin is the same wish, said twice
 * by a parent that wants to be sure.
 * @param parent what it says to us; null: nothing
 */
function stopRequest(
  parent: NodeJS.ReadableStream | null,
  policyChanged: () => void
): { asked: Promise<string>; end(): void } {
  const names = [
    'SIGINT',
    'SIGTERM',
    'SIGHUP',
    ...(process.platform === 'win32' ? ['SIGBREAK' as const] : [])
  ] as const
  const { promise, resolve } = Promise.withResolvers<string>()
  let signalled = false
  const ask = (why: string) => {
    if (signalled) process.exit(exitCodes.failed)
    signalled = true
    resolve(why)
  }
  for (const name of names) process.on(name, ask)
  const channel =
    parent === null
      ? null
      : openControlChannel(parent, { policy: policyChanged, end: () => resolve('stdin ended') })
  return {
    asked: promise,
    end() {
      for (const name of names) process.off(name, ask)
      channel?.close()
    }
  }
}
