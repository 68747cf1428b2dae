/** What a run of the lab is, and how it is asked for on the command line. */
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { StarlingError } from '@starling/shared/errors.ts'
import {
  GiB,
  KiB,
  MiB,
  minuteMs,
  secondMs,
  type Bytes,
  type BytesPerSecond,
  type Millis
} from '@starling/shared/units.ts'
import { queueMsUsual } from './shaping.ts'

/** Routers of branch lines hold a thousand packets as a rule, which is this long at 50 Mbit/s. */
const queueMsOfBranch: Millis = 250

export interface Plan {
  readonly agents: number
  readonly sizeBytes: Bytes
  readonly wanRate: BytesPerSecond
  /** What may wait in front of the WAN line. */
  readonly wanQueueMs: Millis
  /** Of each endpoint's link; null: as fast as the machine is. */
  readonly lanRate: BytesPerSecond | null
  /** Where coordinator and gateway are: nowhere, on the site's LAN, or beyond its WAN. */
  readonly gateway: 'none' | 'site' | 'remote'
  /** Arrivals are spread evenly over so long. */
  readonly staggerMs: Millis
  /** So many agents lose power in mid-run. */
  readonly kill: number
  /** Coordinator and gateway lose power in mid-run. */
  readonly killServers: boolean
  readonly seed: number
  readonly hasBaseline: boolean
  /** Where agents keep what they fetch. */
  readonly dataFolder: string
  /** A folder for logs and what each agent said of itself, once a second. */
  readonly traceFolder: string | null
  /** A folder for a CPU profile of the first agent, from its start to its end. */
  readonly profileFolder: string | null
}

export interface Order {
  readonly mode: 'run' | 'compare-sim' | 'background' | 'warm' | 'clean' | 'help'
  readonly plan: Plan
  /** `--agents 5,10,20`, for the comparison with the simulator. */
  readonly crowds: readonly number[]
  readonly json: boolean
}

export const help = `npm run lab -- [options]          (as root, with iproute2)

  --agents N           endpoints (20); with --compare-sim a list: 5,10,20
  --size 256MiB        of the file
  --wan 50mbit         the site's line; --queue 25ms: what its router lets wait before it drops (--background: 250ms)
  --lan 1gbit          each endpoint's link, or "unshaped"
  --gateway none       none, site (coordinator and gateway on the LAN) or remote (beyond the WAN)
  --stagger 30s        arrivals spread over so long (0: all at once)
  --kill N             N agents lose power when half of the file has crossed the WAN
  --kill-servers       so do coordinator and gateway
  --seed N             content, and who is killed
  --no-baseline        no direct download before; the bound is then size / WAN rate
  --data DIR           where agents keep their files, in a folder that is removed (${tmpdir()})
  --trace DIR          logs, statuses by the second, and what the origin served
  --profile DIR        a CPU profile of the first agent
  --json               the last line of stdout is one JSON object

  --compare-sim        the simulator on the same scenario, beside the lab
  --background         a foreground download beside the agents' background one: how much slower is it than alone?
  --warm               1 seeder, 10 leechers (--agents), LAN unshaped, against libtorrent
  --clean              removes what dead labs have left behind
`

/** @throws StarlingError `bad-option` */
export function parseOrder(argv: readonly string[]): Order {
  const { values } = read(argv)
  const warm = values.warm
  const crowds = (values.agents ?? (warm ? '10' : '20')).split(',').map(text => count('--agents', text, 1))
  const gateway = values.gateway
  if (gateway !== 'none' && gateway !== 'site' && gateway !== 'remote')
    throw bad('--gateway', gateway, 'none, site or remote')
  const agents = crowds[0]!
  const kill = count('--kill', values.kill, 0)
  if (kill >= agents) throw bad('--kill', values.kill, `fewer than the ${agents} agents`)
  if (values['kill-servers'] && gateway === 'none')
    throw bad('--kill-servers', 'without servers', 'also --gateway site or --gateway remote')
  // An endpoint's address ends in its number, and some are taken.
  if (Math.max(...crowds) > 200) throw bad('--agents', String(Math.max(...crowds)), 'at most 200')
  if (crowds.length > 1 && !values['compare-sim'])
    throw bad('--agents', String(values.agents), 'one number; a list is for --compare-sim')
  const unlike = values['no-baseline']
    ? '--no-baseline'
    : kill > 0 || values['kill-servers']
      ? '--kill'
      : null
  if (values['compare-sim'] && unlike !== null)
    throw bad(
      '--compare-sim',
      `with ${unlike}`,
      'a run that the simulator has, too: with a baseline, without power cuts'
    )
  if (values['compare-sim'] && gateway === 'remote')
    throw bad(
      '--compare-sim',
      'with --gateway remote',
      '--gateway none or site: the compared model has no other'
    )
  const queueMs = values.background ? queueMsOfBranch : queueMsUsual
  const modes = (['help', 'clean', 'warm', 'background', 'compare-sim'] as const).filter(name => values[name])
  return {
    mode: modes[0] ?? 'run',
    crowds,
    json: values.json,
    plan: {
      agents,
      sizeBytes: size(values.size ?? (warm ? '1GiB' : '256MiB')),
      wanRate: rate('--wan', values.wan),
      wanQueueMs: values.queue === undefined ? queueMs : span('--queue', values.queue),
      lanRate:
        (values.lan ?? (warm ? 'unshaped' : '1gbit')) === 'unshaped'
          ? null
          : rate('--lan', values.lan ?? '1gbit'),
      gateway,
      staggerMs: span('--stagger', values.stagger),
      kill,
      killServers: values['kill-servers'],
      seed: count('--seed', values.seed, 0),
      hasBaseline: !values['no-baseline'],
      dataFolder: values.data ?? tmpdir(),
      traceFolder: values.trace ?? null,
      profileFolder: values.profile ?? null
    }
  }
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        agents: { type: 'string' },
        size: { type: 'string' },
        wan: { type: 'string', default: '50mbit' },
        queue: { type: 'string' },
        lan: { type: 'string' },
        gateway: { type: 'string', default: 'none' },
        stagger: { type: 'string', default: '0' },
        kill: { type: 'string', default: '0' },
        'kill-servers': { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        'no-baseline': { type: 'boolean', default: false },
        data: { type: 'string' },
        trace: { type: 'string' },
        profile: { type: 'string' },
        json: { type: 'boolean', default: false },
        'compare-sim': { type: 'boolean', default: false },
        background: { type: 'boolean', default: false },
        warm: { type: 'boolean', default: false },
        clean: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false }
      }
    })
  } catch (error) {
    throw new StarlingError('bad-option', `${(error as Error).message}. See npm run lab -- --help`)
  }
}

function count(name: string, text: string, min: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < min) throw bad(name, text, `a whole number from ${min} up`)
  return Number(text)
}

function size(text: string): Bytes {
  const [, digits = '', unit = ''] = /^(\d{1,6})(KiB|MiB|GiB)$/.exec(text) ?? []
  const unitBytes = { KiB, MiB, GiB }[unit]
  if (unitBytes === undefined || Number(digits) === 0) throw bad('--size', text, 'a size like 256MiB')
  return Number(digits) * unitBytes
}

/** Bits, as lines are sold and as tc has them. */
function rate(name: string, text: string): BytesPerSecond {
  const [, digits = '', unit = ''] = /^(\d{1,6})(kbit|mbit|gbit)$/.exec(text) ?? []
  const unitBits = { kbit: 1e3, mbit: 1e6, gbit: 1e9 }[unit]
  if (unitBits === undefined || Number(digits) === 0) throw bad(name, text, 'a rate like 50mbit or 1gbit')
  return (Number(digits) * unitBits) / 8
}

function span(name: string, text: string): Millis {
  const [, digits = '', unit = ''] = /^(\d{1,6})(ms|s|m)$/.exec(text) ?? []
  const unitMs = { ms: 1, s: secondMs, m: minuteMs }[unit]
  if (text !== '0' && unitMs === undefined) throw bad(name, text, 'a time span like 30s')
  return text === '0' ? 0 : Number(digits) * unitMs!
}

function bad(name: string, text: string, right: string): StarlingError {
  return new StarlingError('bad-option', `${name} ${text}: give ${right}. See npm run lab -- --help`)
}
