/**
 * Links of a given rate, and what went over them. tbf alone: netem, sfq and fq are not in every kernel (not in that of our
 * sandbox), and a switch port is a queue that drops at its tail, which is what tbf is.
 *
 * Its counters are the wire's: a qdisc counts the headers of each packet that a large one is cut into, which the
 * counters of a veth do not.
 */
import { spawnSync } from 'node:child_process'
import { KiB, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'
import { ip, type Lab } from './namespaces.ts'

/** Timers of tbf fire 250 times a second at worst: less than that many bytes at once would lose rate. */
const burstsPerSecond = 250
/** One packet may be this large before it is cut (GSO). */
const burstBytesMin: Bytes = 64 * KiB
/** What a port's queue holds: enough for full rate at LAN and metropolitan round trips, far from bufferbloat. */
export const queueMsUsual: Millis = 25

/** Shapes both ends of the cable between a host and its LAN. */
export function shape(
  lab: Lab,
  host: string,
  lan: string,
  rate: BytesPerSecond,
  queueMs: Millis = queueMsUsual
): void {
  const { namespace, port } = lab.host(host)
  const burst = Math.max(burstBytesMin, Math.ceil(rate / burstsPerSecond))
  for (const [where, device] of [
    [namespace, lan],
    [lab.hub, port(lan)]
  ] as const) {
    tc(
      where,
      'qdisc',
      'replace',
      'dev',
      device,
      'root',
      'tbf',
      'rate',
      `${Math.round(rate * 8)}bit`,
      'burst',
      `${burst}`,
      'latency',
      `${queueMs}ms`
    )
  }
}

export interface WireBytes {
  readonly toHost: Bytes
  readonly fromHost: Bytes
  readonly drops: number
}

/** Of a cable; of an unshaped one by the counters of its port, without the headers that cutting adds. */
export function wireBytes(lab: Lab, host: string, lan: string): WireBytes {
  const { namespace, port } = lab.host(host)
  const down = tbfOf(lab.hub, port(lan))
  const up = tbfOf(namespace, lan)
  if (down !== null && up !== null) {
    return { toHost: down.bytes, fromHost: up.bytes, drops: down.drops + up.drops }
  }
  const [{ stats64 }] = JSON.parse(ip('-n', lab.hub, '-s', '-j', 'link', 'show', 'dev', port(lan))) as [
    { stats64: { rx: { bytes: number }; tx: { bytes: number } } }
  ]
  return { toHost: stats64.tx.bytes, fromHost: stats64.rx.bytes, drops: 0 }
}

function tbfOf(namespace: string, device: string): { bytes: Bytes; drops: number } | null {
  const list = JSON.parse(tc(namespace, '-s', '-j', 'qdisc', 'show', 'dev', device)) as Array<{
    kind: string
    bytes: number
    drops: number
  }>
  return list.find(({ kind }) => kind === 'tbf') ?? null
}

/** @throws Error with what `tc` says */
function tc(namespace: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('tc', ['-n', namespace, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`tc ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
  return stdout
}
