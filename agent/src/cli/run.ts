/**
 * `starling run`: one agent, from its ready line until it is told to stop. Told by SIGTERM or Ctrl-C, by the end of stdin
 * with --stop-on-stdin-end (how a parent process stops a child on Windows, where there is no SIGTERM), or by a closed console.
 */
import { mkdir } from 'node:fs/promises'
import { StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { configSource, type ConfigSource } from '../config-reload.ts'
import { configOf, dataFolderOf, type ConfigSources } from '../config-sources.ts'
import { createLog } from '../log.ts'
import { withTicketFile } from '../ticket-file.ts'
import { removeAgentFile, writeAgentFile } from './agent-file.ts'
import { anewEveryMs, anewRequest } from './anew.ts'
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

/** Resolves when the agent has stopped. */
export async function runAgent(options: RunOptions, { services, terminal }: CommandTools): Promise<void> {
  const stopping = stopRequest(options.stopOnStdinEnd ? terminal.stdin : null, () =>
    services.lookAtMachinePolicy()
  )
  try {
    const given = await configSource(
      sources => services.readConfig(sources),
      options.sources,
      await services.keptPolicy(dataFolderOf(options.sources)),
      changed => services.watchMachinePolicy(changed)
    )
    // What an agent is made anew with: the last reading that could be used.
    let usable = given.first
    const source: ConfigSource = {
      ...given,
      async read() {
        const reading = await given.read()
        if (reading.problems.every(({ severity }) => severity !== 'error')) usable = reading
        return reading
      }
    }
    const { dataFolder, logLevel } = configOf(usable)
    // Programs that the agent starts have no business with it.
    delete process.env['STARLING_FLEET_SECRET']
    await mkdir(dataFolder, { recursive: true, mode: 0o700 })
    const log = createLog(logLevel, 'agent')
    let notBefore = 0
    for (;;) {
      let running: RunningAgent | null = null
      const anew = anewRequest({ notBefore, isBusy: async () => await servesClients(running) })
      const config = await withTicketFile(configOf(usable), path => services.secrets.readFile(path))
      const agent = await services.createAgent(config, {
        log,
        source: { ...source, first: usable },
        startAnew: anew.ask
      })
      running = agent
      try {
        await tellReady(agent, dataFolder, options.json, terminal)
        const why = await Promise.race([stopping.asked, anew.granted])
        log.info({ why }, 'stopping')
      } finally {
        anew.end()
        await stopAgent(agent)
        await removeAgentFile(dataFolder)
      }
      if (!anew.isGranted() || stopping.isAsked()) return
      notBefore = performance.now() + anewEveryMs
      await source.read()
    }
  } finally {
    stopping.end()
  }
}

async function servesClients(agent: RunningAgent | null): Promise<boolean> {
  const status = await agent?.status()
  return status?.transfers.some(({ readers }) => readers > 0) === true
}

async function tellReady(
  agent: RunningAgent,
  data: string,
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
): { asked: Promise<string>; isAsked(): boolean; end(): void } {
  const names = [
    'SIGINT',
    'SIGTERM',
    'SIGHUP',
    ...(process.platform === 'win32' ? ['SIGBREAK' as const] : [])
  ] as const
  const { promise, resolve } = Promise.withResolvers<string>()
  let signalled = false
  let isAsked = false
  const askedTo = (why: string) => {
    isAsked = true
    resolve(why)
  }
  const ask = (why: string) => {
    if (signalled) process.exit(exitCodes.failed)
    signalled = true
    askedTo(why)
  }
  for (const name of names) process.on(name, ask)
  const channel =
    parent === null
      ? null
      : openControlChannel(parent, { policy: policyChanged, end: () => askedTo('stdin ended') })
  return {
    asked: promise,
    isAsked: () => isAsked,
    end() {
      for (const name of names) process.off(name, ask)
      channel?.close()
    }
  }
}
