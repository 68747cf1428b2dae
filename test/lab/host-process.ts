/** Programs of ours on hosts of the lab: started, awaited until they say that they are ready, with a log of their own. */
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import { houseRoot, smallMachine } from '../e2e/program.ts'
import type { LanHost } from './namespaces.ts'

/** Twenty starts side by side on two cores, with somebody else's tests beside them. */
const readyWithinMs: Millis = minuteMs
const tailBytes = 4000

export interface Start {
  readonly file: string
  readonly args: readonly string[]
  /** Where its stderr goes: to a file and not through us, who run on the same cores. */
  readonly log: string
  readonly env?: Readonly<Record<string, string>>
  /** A folder for a CPU profile, written when it ends by itself. */
  readonly profile?: string | null
}

/** No setting, proxy or certificate of whoever runs the lab. */
function plainEnv(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), LANG: 'C.UTF-8', ...smallMachine }
}

export function begin(host: LanHost, { file, args, log, env = {}, profile = null }: Start): ChildProcess {
  const nodeArgs = profile === null ? [] : ['--cpu-prof', '--cpu-prof-dir', profile]
  return beginOther(host, process.execPath, [...nodeArgs, resolve(houseRoot, file), ...args], log, env)
}

/** A program that is not ours. */
export function beginOther(
  host: LanHost,
  command: string,
  args: readonly string[],
  log: string,
  env: Readonly<Record<string, string>> = {}
): ChildProcess {
  const stderr = openSync(log, 'a')
  try {
    return host.spawn(command, args, { env: { ...plainEnv(), ...env }, stderr })
  } finally {
    closeSync(stderr)
  }
}

export interface Ready {
  readonly child: ChildProcess
  readonly pid: number
  /** Its ready line. */
  readonly said: Readonly<Record<string, unknown>>
}

/** @throws StarlingError `not-ready` with the end of its log */
export async function start(host: LanHost, order: Start): Promise<Ready> {
  const child = begin(host, order)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const fail = (why: string): void =>
    reject(new StarlingError('not-ready', `${order.file} on ${host.name} ${why}:\n${tailOf(order.log)}`))
  const timer = setTimeout(() => fail(`was not ready within ${readyWithinMs} ms`), readyWithinMs)
  child.once('exit', code => fail(`ended with ${code}`))
  createInterface(child.stdout!).on('line', line => {
    if (line.includes('"ready":true')) resolve(line)
  })
  try {
    return { child, pid: child.pid!, said: JSON.parse(await promise) as Record<string, unknown> }
  } finally {
    clearTimeout(timer)
  }
}

/** Runs it to its end. @returns what it said. @throws StarlingError `lab-program-failed` */
export async function run(host: LanHost, order: Start): Promise<string> {
  const child = begin(host, order)
  child.stdin!.end()
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const [said, code] = await Promise.all([text(child.stdout!), ended])
  if (code === 0) return said
  throw new StarlingError(
    'lab-program-failed',
    `${order.file} ended with ${code}:\n${said}${tailOf(order.log)}`
  )
}

export function tailOf(log: string): string {
  return readFileSync(log, 'utf8').slice(-tailBytes)
}
