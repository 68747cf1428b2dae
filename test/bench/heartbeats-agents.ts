/**
 * The agents of heartbeats.ts and two-coordinators.ts, thousands in one process: each has a key, a TLS connection and a
 * pace of its own, and tells what a busy agent tells, by the code that real agents use for it. They come one after
 * another over the ramp; from then on the process says once a second what it has seen (`seen {...}`).
 *
 * Arguments: one JSON object, AgentsTask.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApiClient, type ApiClient } from '@starling/agent/coordinator-link/api-client.ts'
import { createHeartbeatReports } from '@starling/agent/coordinator-link/heartbeat-report.ts'
import { dialAgent, type DialAgent } from '@starling/agent/identity/tls.ts'
import {
  apiPaths,
  heartbeatJitter,
  heartbeatResponseShape,
  type CoordinatorAddress,
  type HeartbeatResponse
} from '@starling/shared/coordinator-api.ts'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import { parseTransferId } from '@starling/shared/ids.ts'
import { emptyPolicyDigest } from '@starling/shared/signed-policy.ts'
import { MiB, secondMs, type Millis } from '@starling/shared/units.ts'
import type { AgentKey } from './enrolled-fleet.ts'
import { certificateMaker } from './many-certificates.ts'

export interface AgentsTask {
  readonly keysFile: string
  readonly coordinators: readonly CoordinatorAddress[]
  readonly rampMs: Millis
  readonly heartbeatMs: Millis
  /** How many keep their connection; the others, for whom the system has no files left, dial anew each time. */
  readonly connected: number
}

export interface Seen {
  /** Number of the line, from 1. */
  readonly line: number
  /** Since the last line. */
  readonly answered: number
  readonly errors: number
  readonly lastError: string | null
  /** How long each answer took, in ms. */
  readonly tookMs: readonly number[]
  /** The longest time between two answers to one agent, or since the last answer, of all agents that ever had one. */
  readonly unservedMs: Millis
  readonly cpuMs: Millis
  readonly revocations: number
  readonly ready: boolean
}

/** As the link does: from a second to a heartbeat, so that who cannot be served now does not make it worse. */
const firstRetryMs: Millis = secondMs
const swarmSize = 10
const diallingMax = 16
const noFiles = { readFile: async () => null, writeFile: async () => {} }

const task = JSON.parse(process.argv[2]!) as AgentsTask
const keys = JSON.parse(readFileSync(task.keysFile, 'utf8')) as AgentKey[]
const lastAnswerAt: number[] = []
let answered = 0
let errors = 0
let lastError: string | null = null
let tookMs: number[] = []
let longestMs = 0
let revocations = 0
let began = 0
let dialling = 0
const turns: Array<() => void> = []
let line = 0
let cpu = process.cpuUsage()

/** What the sites have: some of it whole, some on its way. */
const known = Array.from({ length: 200 }, (_, at) => ({
  transfer: parseTransferId(createHash('sha256').update(`content ${at}`).digest('hex')),
  name: `http://download.example/files/package-${at}.cab`,
  length: (at + 1) * MiB
}))

function reportOf(
  at: number,
  beats: number
): Parameters<ReturnType<typeof createHeartbeatReports>['next']>[0] {
  const share = Math.min(1, beats / 20)
  return {
    counters: {
      downloads: beats,
      downloadErrors: 0,
      wanBytes: beats * MiB,
      lanBytes: beats * 10 * MiB,
      uploadedBytes: beats * 8 * MiB,
      cacheBytes: beats
    },
    host: { platform: 'win32', memoryGB: 16, isOnBattery: false, freeDiskShare: 0.4, isWifi: at % 3 === 0 },
    swarm: Array.from({ length: swarmSize }, (_, n) => ({
      ...known[(at + n * 7) % known.length]!,
      complete: n > 0 || share === 1,
      share: n > 0 ? 1 : Math.round(share * 100) / 100
    })),
    problems: []
  }
}

/** More handshakes at a time would only make each of them wait for the others. */
async function dial(to: DialAgent): ReturnType<typeof dialAgent> {
  if (dialling >= diallingMax) await new Promise<void>(resolve => void turns.push(resolve))
  else dialling++
  try {
    return await dialAgent(to)
  } finally {
    const next = turns.shift()
    if (next === undefined) dialling--
    else next()
  }
}

async function live(key: AgentKey, at: number): Promise<never> {
  const tls = certificateOf(key)
  const newClient = (): ApiClient => createApiClient(to => dial({ ...to, tls }))
  const reports = createHeartbeatReports('', noFiles, Date.now)
  let client = newClient()
  let serial = 0
  let revocationsVersion = -1
  let isReportKnown = false
  let failures = 0
  began++
  for (let beats = 0; ; beats++) {
    const { orders: _, ...told } = reports.next(reportOf(at, beats), isReportKnown)
    const askedAt = performance.now()
    let answer: HeartbeatResponse | null = null
    try {
      const addresses = [`/ip4/10.${at >> 16}.${(at >> 8) & 255}.${at & 255}/tcp/4001`]
      const policy = { number: 0, digest: emptyPolicyDigest, refused: null }
      const said = { version: '1', ...told, addresses, credentialSerial: serial, revocationsVersion, policy }
      const body = { ...said, purgesVersion: 0 }
      answer = await client.ask(
        task.coordinators,
        apiPaths.heartbeat,
        body,
        heartbeatResponseShape,
        isReportKnown
      )
    } catch (error) {
      errors++
      lastError = `${codeOf(error)}: ${messageOf(error)}`.slice(0, 300)
    }
    if (at >= task.connected) {
      client.close()
      client = newClient()
    }
    if (answer === null) {
      await sleep(Math.min(task.heartbeatMs, firstRetryMs * 2 ** failures++) * (0.8 + 0.4 * Math.random()))
      continue
    }
    const now = performance.now()
    failures = 0
    answered++
    tookMs.push(now - askedAt)
    longestMs = Math.max(longestMs, now - (lastAnswerAt[at] ?? now))
    lastAnswerAt[at] = now
    isReportKnown = answer.report !== undefined
    serial = answer.credential?.serial ?? serial
    if (answer.revocations !== null) {
      revocations++
      revocationsVersion = answer.revocations.version
    }
    const isDue = answer.report === undefined || !reports.answered(answer.report)
    if (isDue) await sleep(task.heartbeatMs * (1 + heartbeatJitter * (2 * Math.random() - 1)))
  }
}

setInterval(() => {
  const now = performance.now()
  const { user, system } = process.cpuUsage(cpu)
  cpu = process.cpuUsage()
  const seen: Seen = {
    line: ++line,
    answered,
    errors,
    lastError,
    tookMs: tookMs.map(took => Math.round(took * 10) / 10),
    unservedMs: Math.round(lastAnswerAt.reduce((most, at) => Math.max(most, now - at), longestMs)),
    cpuMs: (user + system) / 1000,
    revocations,
    ready: began === keys.length && lastAnswerAt.filter(() => true).length === keys.length
  }
  answered = errors = revocations = 0
  tookMs = []
  process.stdout.write(`seen ${JSON.stringify(seen)}\n`)
}, secondMs)
process.stdin.on('end', () => process.exit(0)).resume()

const certificateOf = await certificateMaker(keys[0]!)
const rampFrom = performance.now()
for (const [at, key] of keys.entries()) {
  const waitMs = rampFrom + (at / keys.length) * task.rampMs - performance.now()
  if (waitMs > 0) await sleep(waitMs)
  void live(key, at)
}
