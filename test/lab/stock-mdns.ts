/**
 * Somebody else's libp2p host with a stock @libp2p/mdns, as a process on a host of the lab:
 * `stock-mdns.ts <service name>`. It prints a line of JSON for each peer that it finds.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { mdns } from '@libp2p/mdns'
import { createHost } from '@starling/agent/peers/host.ts'
import { peersLimitsDefault } from '@starling/agent/peers/limits.ts'

const host = await createHost({
  privateKey: await generateKeyPair('Ed25519'),
  listen: { host: '0.0.0.0', port: 0 },
  gater: {},
  limits: peersLimitsDefault
})
await host.start()
process.stdout.write(`${JSON.stringify({ type: 'started', id: host.peerId.toString() })}\n`)

type Components = Parameters<ReturnType<typeof mdns>>[0]
const addressManager = { getAddresses: () => host.getMultiaddrs() } as Components['addressManager']
const discovery = mdns({ serviceTag: process.argv[2]! })({ addressManager, logger: host.logger })
discovery.addEventListener('peer', ({ detail }) => {
  process.stdout.write(`${JSON.stringify({ type: 'found', peer: detail.id.toString() })}\n`)
})
if ('start' in discovery) await (discovery.start as () => Promise<void>).call(discovery)
