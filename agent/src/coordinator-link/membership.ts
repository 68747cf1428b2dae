/**
 * What an agent keeps of having joined: `membership.cbor` (where its coordinators are, and its credential) and
 * `revocations.cbor` (the newest list it has heard). With these it takes part again after a restart, also while no
 * coordinator can be reached.
 */
import { decode, encode } from '@ipld/dag-cbor'
import type { CoordinatorAddress } from '@starling/shared/coordinator-api.ts'
import type { Credential, RevocationList } from '@starling/shared/credential.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { isAgentId, type AgentId } from '@starling/shared/ids.ts'
import { coordinatorAddressShape } from '@starling/shared/ticket.ts'
import { credentialShape, revocationListShape } from '@starling/shared/wire.ts'
import { join } from 'node:path'
import { z } from 'zod'

export interface Membership {
  readonly coordinators: readonly CoordinatorAddress[]
  readonly fleet: AgentId
  readonly credential: Credential
  /** The coordinator has told this agent itself that it is out. */
  readonly revoked: boolean
}

export interface MembershipFiles {
  readonly agentId: AgentId
  readFile(path: string): Promise<Uint8Array | null>
  writeFile(path: string, bytes: Uint8Array): Promise<void>
  verifyCredential(credential: Credential): boolean
}

export const membershipFileName = 'membership.cbor'
const revocationsFileName = 'revocations.cbor'

const agentId = z.string().refine(isAgentId)
const shape: z.ZodType<Membership> = z.strictObject({
  coordinators: z
    .array(z.strictObject({ id: agentId, addresses: z.array(coordinatorAddressShape).max(8) }))
    .min(1)
    .max(16),
  fleet: agentId,
  credential: credentialShape,
  revoked: z.boolean()
})

/**
 * Null: this agent has not joined.
 * @throws StarlingError `membership-damaged`, `membership-foreign`, and those of reading
 */
export async function loadMembership(folder: string, files: MembershipFiles): Promise<Membership | null> {
  const path = join(folder, membershipFileName)
  const bytes = await files.readFile(path)
  if (bytes === null) return null
  const membership = parse(shape, bytes)
  if (
    membership === null ||
    !files.verifyCredential(membership.credential) ||
    membership.credential.coordinator.fleet !== membership.fleet
  ) {
    throw new StarlingError(
      'membership-damaged',
      `${path} is damaged: delete it and join again with a ticket`
    )
  }
  if (membership.credential.agentId !== files.agentId) {
    throw new StarlingError(
      'membership-foreign',
      `${path} belongs to ${membership.credential.agentId}, but this agent is ${files.agentId}: a data folder must not be ` +
        'copied from another machine; delete the file and join with a ticket'
    )
  }
  return membership
}

export async function saveMembership(
  folder: string,
  files: MembershipFiles,
  membership: Membership
): Promise<void> {
  await files.writeFile(join(folder, membershipFileName), encode(membership))
}

/** A list that is damaged or gone is no harm: the coordinator sends it again. Its signature is checked by trust. */
export async function loadRevocations(
  folder: string,
  files: MembershipFiles
): Promise<RevocationList | null> {
  const bytes = await files.readFile(join(folder, revocationsFileName))
  return bytes === null ? null : parse(revocationListShape, bytes)
}

export async function saveRevocations(
  folder: string,
  files: MembershipFiles,
  list: RevocationList
): Promise<void> {
  await files.writeFile(join(folder, revocationsFileName), encode(list))
}

function parse<Value>(as: z.ZodType<Value>, bytes: Uint8Array): Value | null {
  try {
    const parsed = as.safeParse(decode(bytes))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
