/** Hosts of bare libp2p that do with the peers shell what a test wants and no agent would do. */
import { encodeFrame } from '@starling/agent/peers/control-stream.ts'
import { createHost } from '@starling/agent/peers/host.ts'
import { peersLimitsDefault } from '@starling/agent/peers/limits.ts'
import { createIdentity, type Identity } from '@starling/agent/identity/keys.ts'
import type { Proof } from '@starling/shared/credential.ts'
import { protocolVersion, type Hello } from '@starling/shared/wire.ts'

export type BareHost = Awaited<ReturnType<typeof createHost>>

/** Hosts made here listen on loopback and are stopped by `stopAll`. */
export function createBareHosts(): {
  host(identity?: Identity): Promise<BareHost>
  stopAll(): Promise<void>
} {
  const running: BareHost[] = []
  return {
    async host(identity = createIdentity()) {
      const host = await createHost({
        privateKey: identity.libp2pKey,
        listen: { host: '127.0.0.1', port: 0 },
        gater: {},
        limits: peersLimitsDefault
      })
      running.push(host)
      await host.start()
      return host
    },
    async stopAll() {
      await Promise.all(running.splice(0).map(async host => host.stop()))
    }
  }
}

/** The frame of a hello as an agent of site `lab` says it, but for `changes`. */
export function helloFrame(proof: Proof, changes: Partial<Hello> = {}): Uint8Array {
  return encodeFrame({
    type: 'hello',
    version: protocolVersion,
    proof,
    site: 'lab',
    role: 'agent',
    capabilities: [],
    bulkPort: 0,
    ...changes
  })
}
