/**
 * The agents of policy-push.ts, thousands in one process: each has a key and a TLS connection of its own and holds one
 * poll for news, as the agent's link does. It is ready when all have asked; then it says with each push when the policy
 * came, and what it cost this process.
 */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import {
  agentContentType,
  apiPaths,
  decodeBody,
  encodeBody,
  newsResponseShape,
  newsWaitMs
} from '@starling/shared/coordinator-api.ts'
import { emptyPolicyDigest, policyDigest, type PolicyReport } from '@starling/shared/signed-policy.ts'

export interface PushSeen {
  /** From 1. */
  readonly push: number
  readonly count: number
  /** Wall clock: the other process says when it began. */
  readonly p50At: number
  readonly p99At: number
  readonly lastAt: number
  readonly cpuMs: number
}

/** Handshakes at a time: more would only stand in line at the coordinator. */
const dialling = 32

const [keysFile, host, port, coordinator] = process.argv.slice(2)
const keys = JSON.parse(readFileSync(keysFile!, 'utf8')) as Array<{ id: string; key: string }>
let came: number[] = []
let pushes = 0
let cpu = process.cpuUsage()

/** Decoded once, because what is measured is the coordinator: all of them are sent the same bytes. */
let last: { readonly bytes: Buffer; readonly report: PolicyReport } | null = null
function reportOf(bytes: Buffer): PolicyReport {
  if (last?.bytes.equals(bytes) !== true) {
    const { policy } = decodeBody(newsResponseShape, bytes)
    if (policy === null) throw new Error('news without a policy')
    last = { bytes, report: { number: policy.number, digest: policyDigest(policy), refused: null } }
  }
  return last.report
}

function ask(agent: Agent, report: PolicyReport, asked: () => void): void {
  const body = encodeBody({ revocationsVersion: 0, policy: report })
  const sent = httpsRequest(
    {
      agent,
      method: 'POST',
      host,
      port,
      path: apiPaths.news,
      timeout: newsWaitMs * 2,
      headers: { 'content-type': agentContentType, 'content-length': body.length }
    },
    response => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => {
        if (response.statusCode !== 200 && response.statusCode !== 204)
          throw new Error(`news answered ${response.statusCode}: ${Buffer.concat(parts).toString('latin1')}`)
        const next = response.statusCode === 204 ? report : reportOf(Buffer.concat(parts))
        if (next !== report) arrived()
        ask(agent, next, () => {})
      })
    }
  )
  sent.end(body, asked)
}

function arrived(): void {
  came.push(Date.now())
  if (came.length < keys.length) return
  const at = (share: number): number => came[Math.ceil(share * came.length) - 1]!
  const { user, system } = process.cpuUsage(cpu)
  const seen: PushSeen = {
    push: ++pushes,
    count: came.length,
    p50At: at(0.5),
    p99At: at(0.99),
    lastAt: at(1),
    cpuMs: (user + system) / 1000
  }
  process.stdout.write(`pushed ${JSON.stringify(seen)}\n`)
  came = []
  cpu = process.cpuUsage()
}

async function join({ id, key }: (typeof keys)[number]): Promise<void> {
  const tls = await createTlsIdentity({ agentId: id, nodeKey: createPrivateKey(key) })
  const socket: TLSSocket = await dialAgent({ host: host!, port: Number(port), expected: coordinator!, tls })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  agent.createConnection = () => socket
  await new Promise<void>(asked => {
    ask(agent, { number: 0, digest: emptyPolicyDigest, refused: null }, asked)
  })
}

const waiting = [...keys]
await Promise.all(
  Array.from({ length: dialling }, async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await join(next)
  })
)
process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
cpu = process.cpuUsage()
