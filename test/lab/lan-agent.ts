/**
 * The peers shell alone, as a process on a host of the lab: `lan-agent.ts '<JSON options>'`. It prints a line of
 * JSON for each thing that happens and ends when its standard input closes.
 */
import { createLoopback } from '../doubles/peers-on-loopback.ts'

const { secret, fleetTag } = JSON.parse(process.argv[2]!) as { secret: string; fleetTag: string }
const say = (what: object): void => {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

const agents = createLoopback()
const agent = await agents.agent({
  secret,
  fleetTag,
  mdns: true,
  listen: { host: '0.0.0.0', port: 0 },
  onHeard: event => {
    if (event.type === 'peer-joined' || event.type === 'peer-left') {
      say({
        type: event.type,
        peer: event.peer,
        address: agent.peers.list().find(({ id }) => id === event.peer)?.address
      })
    }
  }
})
say({ type: 'started', id: agent.peers.self, addresses: agent.peers.addresses() })
process.stdin.resume().once('end', () => {
  say({ type: 'stopping', refusals: [...agent.peers.refusals()] })
  void agents.stopAll()
})
setInterval(() => {
  if (agent.peers.refusals().size > 0) say({ type: 'refused', refusals: [...agent.peers.refusals()] })
}, 500).unref()
