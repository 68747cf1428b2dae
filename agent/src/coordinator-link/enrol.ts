/**
 * Joining by hand (`starling join TICKET`): one attempt, whose failure is the command's failure. No agent runs for
 * it, so this is a composition root in miniature: the identity, and a link that has nobody to tell about peers.
 */
import { mkdir } from 'node:fs/promises'
// oxlint-disable-next-line house/rooms -- the root of `starling join`, as agent.ts is that of `starling run`
import { loadOrCreateIdentity } from '../identity/keys.ts'
// oxlint-disable-next-line house/rooms -- as above
import { createLinkIdentity } from '../identity/link-identity.ts'
import { createLog } from '../log.ts'
import { createCoordinatorLink, type Member } from './link.ts'

/** @throws StarlingError: the ticket's faults, `coordinator-unreachable`, or the coordinator's reason. Nothing is kept then. */
export async function enrol(
  dataFolder: string,
  ticket: string,
  version = 'join'
): Promise<Member & { readonly id: string }> {
  await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  const identity = await loadOrCreateIdentity(dataFolder)
  const link = createCoordinatorLink(
    {
      identity: await createLinkIdentity(identity),
      trust: { setProof() {}, setRevocations: () => null, setClockOffset() {}, coordinatorReachable() {} },
      peers: { hint() {}, forbid() {}, hangUp() {}, list: () => [], addresses: () => [] },
      report: () => ({ counters: {}, host: {}, swarm: [], problems: [] }),
      log: createLog('warn', 'join')
    },
    { dataFolder, ticket: null, version }
  )
  try {
    return { id: identity.agentId, ...(await link.join(ticket)) }
  } finally {
    await link.stop()
  }
}
