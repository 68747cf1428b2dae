/**
 * `pnpm demo:windows-update`: two agents of one site, a Windows Update behind them, and Windows' own clients as they are
 * on the wire (test/doubles/windows-update). Each row is one client that fetches one file through one agent, and says how
 * much of the file had to come from the origin for it.
 */
import { parseArgs } from 'node:util'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { KiB, MiB, type Bytes, type BytesPerSecond } from '@starling/shared/units.ts'
import { seededContent } from '../doubles/content.ts'
import { replayBits } from '../doubles/windows-update/replay/bits.ts'
import { replayLinux } from '../doubles/windows-update/replay/linux-do.ts'
import type { Replayer } from '../doubles/windows-update/replay/replay.ts'
import type { Target } from '../doubles/windows-update/replay/target.ts'
import { replayWindows10, replayWindows11 } from '../doubles/windows-update/replay/windows-do.ts'
import { replayWua } from '../doubles/windows-update/replay/wua.ts'
import {
  startWindowsUpdate,
  wsusHost,
  type UpdateFile,
  type WindowsUpdate
} from '../doubles/windows-update/windows-update.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import { fleetSecret, startMembers, type AgentHandle } from '../e2e/site.ts'
import { bytesText, table } from './words.ts'

const sizeMibDefault = 64
/** The clients here hold a file in memory. */
const sizeMibMax = 1024

const help = `npm run demo:windows-update -- [options]

Shows what Starling does for Windows' own clients: a Windows Update and a WSUS on this machine, two agents of one site,
and Delivery Optimization of Windows 10, 11 and Linux, BITS and the Windows Update Agent, each as it is on the wire.

  --size-mib N      size of the larger files in MiB (default: ${sizeMibDefault})
  --wan-mbit N      speed of the emulated line to the origin in Mbit/s, 0 for no limit (default: 0)
  --json            the last line of stdout is one JSON object with the figures
  --help            this text
`

const faceNames: Readonly<Record<Target['kind'], string>> = {
  proxy: 'proxy',
  'cache-host': 'cache host',
  alternate: 'alternate server',
  origin: 'the name itself'
}

interface Row {
  readonly client: string
  /** Agent and face. */
  readonly through: string
  readonly file: string
  readonly requests: number
  readonly bytes: Bytes
  readonly fromOrigin: Bytes
  readonly copies: number
  readonly hashEqual: boolean
  readonly complaints: readonly string[]
}

/** 0 well, 1 not as promised, 2 wrong usage, 130 stopped before the end. */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(help)
    return 0
  }
  const say = (text = ''): void => void (options.json ? process.stderr : process.stdout).write(`${text}\n`)
  const house = openHouse()
  const stopped = new Promise<'stopped'>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve('stopped'))
  })
  try {
    const show = perform(house, options, say)
    // When it is stopped, what fails because everything is being closed is no news.
    show.catch(() => {})
    const rows = await Promise.race([show, stopped])
    if (rows === 'stopped') return 130
    for (const line of summary(rows)) say(`  ${line}`)
    if (options.json) process.stdout.write(`${JSON.stringify({ rows })}\n`)
    return rows.every(({ hashEqual, complaints }) => hashEqual && complaints.length === 0) ? 0 : 1
  } finally {
    await house.close()
  }
}

interface Options {
  readonly bytes: Bytes
  /** Null: as fast as loopback goes. */
  readonly wanRate: BytesPerSecond | null
  readonly json: boolean
  readonly help: boolean
}

/** @throws StarlingError `bad-usage` */
function parseOptions(args: string[]): Options {
  const bad = (why: string): StarlingError =>
    new StarlingError('bad-usage', `${why} (--help tells what there is)`)
  let values
  try {
    // `pnpm demo:windows-update -- --json` hands on the `--`, npm does not.
    values = parseArgs({
      args: args[0] === '--' ? args.slice(1) : args,
      options: {
        'size-mib': { type: 'string', default: String(sizeMibDefault) },
        'wan-mbit': { type: 'string', default: '0' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false }
      }
    }).values
  } catch (error) {
    throw bad(messageOf(error))
  }
  const [mib, mbit] = [Number(values['size-mib']), Number(values['wan-mbit'])]
  if (!Number.isInteger(mib) || mib < 1 || mib > sizeMibMax)
    throw bad(`--size-mib takes a whole number from 1 to ${sizeMibMax}`)
  if (!Number.isFinite(mbit) || mbit < 0) throw bad('--wan-mbit takes a number of Mbit/s, 0 for no limit')
  const { json, help } = values
  return { bytes: mib * MiB, wanRate: mbit === 0 ? null : (mbit * 1e6) / 8, json, help }
}

async function perform(house: House, options: Options, say: (text?: string) => void): Promise<Row[]> {
  say("\n  Starling: Windows' own clients, two agents, and what crosses the origin for them\n")
  const double = await startWindowsUpdate()
  house.keep(() => double.close())
  double.origin.setRate(options.wanRate)
  const wsus = ['--proxy-wsus', `http://${wsusHost}`]
  const args = ['--upstream-proxies', double.url, '--upstream-direct-fallback', 'false', ...wsus]
  const agents = await startMembers(house, fleetSecret(), ['agent-1', 'agent-2'], [], { args })

  // Not a whole number of pieces, so that each file has a short last one.
  const content = (seed: string, length: Bytes = options.bytes + 777) => seededContent(`demo ${seed}`, length)
  const feature = await double.delivery(content('feature'))
  const cumulative = await double.download('windows11.0-kb5050000-x64', 'msu', content('cumulative'))
  const approved = await double.wsus('office2024-kb5002222', 'cab', content('approved'))
  const small = await double.wsus('definitions', 'cab', content('definitions', 7 * KiB))

  const plan: ReadonlyArray<
    readonly [client: Replayer, agent: 0 | 1, face: Target['kind'], file: UpdateFile, name: string]
  > = [
    [replayWindows11, 0, 'cache-host', feature, 'Delivery Optimization'],
    [replayWindows10, 1, 'cache-host', feature, 'Delivery Optimization'],
    [replayLinux, 0, 'cache-host', feature, 'Delivery Optimization'],
    [replayWindows10, 1, 'proxy', cumulative, 'Windows Update'],
    [replayBits, 0, 'proxy', cumulative, 'Windows Update'],
    [replayWindows11, 1, 'cache-host', cumulative, 'Windows Update'],
    [replayWua, 0, 'alternate', approved, 'WSUS'],
    [replayWindows11, 1, 'alternate', approved, 'WSUS'],
    [replayWua, 1, 'alternate', small, 'WSUS, 7 KiB'],
    [replayWua, 1, 'proxy', small, 'WSUS, 7 KiB']
  ]
  const rows: Row[] = []
  for (const [client, at, face, file, name] of plan)
    rows.push(await fetchOne(double, client, agents[at]!, face, file, name))
  return rows
}

async function fetchOne(
  { origin }: WindowsUpdate,
  replay: Replayer,
  agent: AgentHandle,
  face: Target['kind'],
  file: UpdateFile,
  name: string
): Promise<Row> {
  const offer = file.offer()
  const before = origin.stats(file.path).bodyBytes
  const result = await replay({ kind: face, url: agent.proxy }, offer)
  const fromOrigin = origin.stats(file.path).bodyBytes - before
  return {
    client: result.client,
    through: `${agent.name} as ${faceNames[face]}`,
    file: name,
    requests: result.exchanges.length,
    bytes: result.bodyBytes,
    fromOrigin,
    copies: Math.round((fromOrigin / offer.length) * 100) / 100,
    hashEqual: result.sha256 === offer.sha256,
    complaints: result.complaints
  }
}

/** The table, and under it what it comes to. */
function summary(rows: readonly Row[]): string[] {
  const lines = table([
    ['client', 'through', 'file', 'requests', 'bytes', 'SHA-256', 'from origin', 'copies'],
    ...rows.map(({ client, through, file, requests, bytes, hashEqual, fromOrigin, copies }) => [
      client,
      through,
      file,
      String(requests),
      bytesText(bytes),
      hashEqual ? 'equal' : 'WRONG',
      bytesText(fromOrigin),
      copies.toFixed(2)
    ])
  ])
  const sum = (bytes: (row: Row) => Bytes): string =>
    bytesText(rows.reduce((sum, row) => sum + bytes(row), 0))
  const complaints = rows.flatMap(({ client, file, complaints }) =>
    complaints.map(complaint => `  ${client}, ${file}: ${complaint}`)
  )
  return [
    ...lines,
    '',
    `Clients got ${sum(row => row.bytes)}; ${sum(row => row.fromOrigin)} of it crossed from the origin.`,
    complaints.length === 0
      ? 'No client had anything to complain about.'
      : 'What the clients complained about:',
    ...complaints
  ]
}

main().then(
  code => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`\ndemo:windows-update: ${messageOf(error)}\n`)
    process.exitCode = error instanceof StarlingError && error.code === 'bad-usage' ? 2 : 1
  }
)
