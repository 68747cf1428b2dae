/**
 * `npm start`: the product at work on one machine. An origin, a coordinator with its gateway, three agents: all
 * of them the real programs in processes of their own, started as an admin would start them. The three agents are asked for one
 * file at the same time, it crosses the "WAN" once, and a table says who got what from where.
 *
 * Whatever ends it (the last line, Ctrl-C at any moment, an error), every process is stopped and every folder removed.
 */
import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import { download } from '../e2e/client.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import { startFleet } from '../e2e/site.ts'
import { cacheFolder, demoFile, demoFileBytes, requireSpace } from './demo-file.ts'
import { help, parseOptions, type DemoOptions } from './options.ts'
import { startOriginLine } from './origin-line.ts'
import { resultLines, resultOf } from './result.ts'
import { createScreen, type Screen } from './screen.ts'
import { share, type Shared } from './share.ts'
import { bytesText } from './words.ts'

const agentNames = ['agent-1', 'agent-2', 'agent-3']

/** 0 well, 1 not as promised, 2 wrong usage, 130 stopped before the end. */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(help)
    return 0
  }
  const screen = createScreen(options.json ? process.stderr : process.stdout, process.env)
  const house = openHouse()
  const stopped = new Promise<'stopped'>(resolve => {
    const stop = (): void => resolve('stopped')
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  })
  try {
    const show = perform(options, house, screen)
    // When it is stopped, what fails because everything is being closed is no news.
    show.catch(() => {})
    const outcome = await Promise.race([show, stopped])
    if (outcome === 'stopped') {
      screen.settle()
      screen.say('\n  Stopping …')
      return 130
    }
    if (options.json) process.stdout.write(`${JSON.stringify(outcome)}\n`)
    if (!options.once) {
      screen.say('\n  Everything stays up until you press Ctrl-C.')
      await stopped
      screen.say('\n  Stopping …')
    }
    return outcome.problem === null ? 0 : 1
  } finally {
    await house.close()
  }
}

async function perform(
  options: DemoOptions,
  house: House,
  screen: Screen
): Promise<ReturnType<typeof resultOf>> {
  screen.say('\n  Starling: one file, once over the WAN, shared by three agents\n')
  const shared = await prepare(options, house, screen)
  screen.say('  Starting a coordinator with its gateway, and three agents …')
  const { agents, coordinator } = await startFleet(house, agentNames)
  screen.say('  They have found each other. All three are asked for the file now.\n')

  const known =
    shared.length === null ? { ...shared, length: await askLength(agents[0]!.proxy, shared.url) } : shared
  const run = await share(agents, coordinator.gatewayPage, known, screen.progress)
  screen.settle()
  const result = resultOf(run)
  screen.say()
  for (const line of resultLines(run, result)) screen.say(line === '' ? '' : `  ${line}`)
  if (result.problem !== null) screen.say(`\n  This is not as promised: ${result.problem}.`)
  screen.say('\n  Pages:')
  for (const { name, page } of agents) screen.say(`    ${name}       ${page}/`)
  if (coordinator.gatewayPage !== null) screen.say(`    gateway       ${coordinator.gatewayPage}/`)
  return result
}

/** The file and its origin; three agents and the gateway will each keep a copy of it. */
async function prepare(options: DemoOptions, house: House, screen: Screen): Promise<Shared> {
  const { subject, wanRate } = options
  if (subject.kind === 'url') {
    screen.say(`  file       ${subject.url}`)
    screen.say('  WAN        the internet itself; its bytes are counted by the agents and the gateway\n')
    return { url: subject.url, length: null, sha256: null, wanRate: null, wanBytes: null }
  }
  const path =
    subject.kind === 'file'
      ? subject.path
      : await demoFile(cacheFolder(process.env, process.platform), demoFileBytes, text => screen.say(text))
  const length = statSync(path).size
  requireSpace(tmpdir(), length * (agentNames.length + 1))
  const [sha256, origin] = await Promise.all([
    sha256OfFile(path),
    startOriginLine(house, basename(path), { file: path }, wanRate)
  ])
  const line =
    wanRate === null ? 'no limit' : `emulated, ${(wanRate * 8) / 1e6} Mbit/s (--wan-mbit changes it)`
  screen.say(`  file       ${path}, ${bytesText(length)}`)
  screen.say(`  SHA-256    ${sha256}`)
  screen.say(`  origin     ${origin.url}`)
  screen.say(`  WAN line   ${line}\n`)
  return { url: origin.url, length, sha256, wanRate, wanBytes: origin.wanBytes }
}

/** Of what lies out there, so that the bars have an end; null when it does not tell. */
async function askLength(proxy: string, url: string): Promise<number | null> {
  const { status, headers } = await download(proxy, url, { method: 'HEAD' })
  const length = Number(headers['content-length'])
  return status === 200 && length > 0 ? length : null
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}

main().then(
  code => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`\nstarling demo: ${messageOf(error)}\n`)
    process.exitCode = error instanceof StarlingError && error.code === 'bad-usage' ? 2 : 1
  }
)
