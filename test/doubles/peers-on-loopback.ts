/**
 * Agents on loopback for the tests of the peers shell: real libp2p hosts, real keys and trust, ephemeral ports.
 * What they emit is kept, and `until` waits for it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createIdentity, type Identity } from '@starling/agent/identity/keys.ts'
import { createFleetSecret, parseFleetSecret, secretProof } from '@starling/agent/identity/secret.ts'
import { createTrust, type Trust } from '@starling/agent/identity/trust.ts'
import { createLog } from '@starling/agent/log.ts'
import { createPeers, type PeersOptions } from '@starling/agent/peers/peers.ts'
import type { Proof } from '@starling/shared/credential.ts'
import type { Emit, PeersPort } from '@starling/agent/ports.ts'

export type Heard = Parameters<Emit>[0]

export interface LoopbackAgent {
  readonly identity: Identity
  readonly trust: Trust
  readonly peers: PeersPort
  /** Everything emitted so far, in order. */
  readonly heard: Heard[]
  /** What was heard of one kind. */
  of<Type extends Heard['type']>(type: Type): Array<Extract<Heard, { type: Type }>>
}

export interface LoopbackAgentOptions extends Partial<PeersOptions> {
  /** Null: an agent without any proof. */
  readonly secret?: string | null
  readonly identity?: Identity
  /** Called with each event, besides its being kept. */
  readonly onHeard?: (event: Heard) => void
}

export const fleetSecret: string = createFleetSecret()

/** Agents made here are stopped by `stopAll`. */
export function createLoopback(): {
  agent(options?: LoopbackAgentOptions): Promise<LoopbackAgent>
  stopAll(): Promise<void>
} {
  const running = new Set<PeersPort>()
  return {
    async agent({ secret = fleetSecret, identity = createIdentity(), onHeard, ...options } = {}) {
      const site = options.site ?? 'lab'
      const trust = createTrust({
        self: identity.agentId,
        clock: Date.now,
        fleetSecret: secret === null ? null : { secret: parseFleetSecret(secret), site }
      })
      const peers = await createPeers(
        {
          trust,
          privateKey: identity.libp2pKey,
          log: createLog(process.env.STARLING_TEST_LOG ?? 'silent', 'test')
        },
        {
          listen: { host: '127.0.0.1', port: 0 },
          role: 'agent',
          bulkPort: 0,
          fleetTag: '0011223344556677',
          mdns: false,
          ...options,
          site
        }
      )
      const heard: Heard[] = []
      running.add(peers)
      await peers.start(event => {
        heard.push(event)
        onHeard?.(event)
      })
      return {
        identity,
        trust,
        peers,
        heard,
        of: <Type extends Heard['type']>(type: Type) =>
          heard.filter((event): event is Extract<Heard, { type: Type }> => event.type === type)
      }
    },
    async stopAll() {
      await Promise.all([...running].map(async peers => peers.stop()))
      running.clear()
    }
  }
}

/** Both know each other's address. */
export function introduce(a: LoopbackAgent, b: LoopbackAgent): void {
  a.peers.hint([{ id: b.peers.self, addresses: b.peers.addresses() }])
}

export function isJoined(a: LoopbackAgent, b: LoopbackAgent): boolean {
  return [
    [a, b],
    [b, a]
  ].every(([one, other]) => one!.peers.list().some(({ id }) => id === other!.peers.self))
}

/** Polls, because what is awaited happens in sockets. @throws Error with `what` after the deadline. */
export async function until(what: string, holds: () => boolean, deadlineMs = 8000): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await pause(5)
  }
}

/** Two identities, the one with the lower AgentId first: it decides for the pair. */
export function identityBetween(): [lower: Identity, higher: Identity] {
  const [a, b] = [createIdentity(), createIdentity()]
  return a.agentId < b.agentId ? [a, b] : [b, a]
}

/** What a member of the fleet needs to say hello by itself. */
export function memberOf(identity: Identity): { readonly identity: Identity; readonly proof: Proof } {
  return { identity, proof: secretProof(parseFleetSecret(fleetSecret), identity.agentId, 'lab') }
}

/** A member with an AgentId below `id`: the one that opens the control stream. */
export function memberBelow(id: string): ReturnType<typeof memberOf> {
  let identity = createIdentity()
  while (identity.agentId > id) identity = createIdentity()
  return memberOf(identity)
}

export { createFleetSecret, createIdentity }
