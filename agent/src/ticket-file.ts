/**
 * `<data>/ticket`: how an installation hands an agent the ticket to join with, where no environment and no command line of it can be
 * read by others. It counts like any other ticket, after one that the configuration names, and goes when the agent is a member.
 */
import { rm } from 'node:fs/promises'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { filesIn, type AgentConfig } from './config.ts'

/**
 * @param readSecretFile null for no such file; throws for one that others may read
 * @throws StarlingError `ticket-file-unusable`, and what `readSecretFile` throws
 */
export async function withTicketFile(
  config: AgentConfig,
  readSecretFile: (path: string) => Promise<Uint8Array | null>
): Promise<AgentConfig> {
  if (config.ticket !== null || config.fleetSecret !== null) return config
  const path = filesIn(config.dataFolder).ticket
  const bytes = await readSecretFile(path)
  if (bytes === null) return config
  const ticket = new TextDecoder().decode(bytes).trim()
  try {
    parseTicket(ticket)
  } catch (cause) {
    throw new StarlingError(
      'ticket-file-unusable',
      `${path} has no ticket that can be used (${messageOf(cause)}): remove it, or give the ticket once more`,
      { cause }
    )
  }
  return { ...config, ticket }
}

/** Once this agent is a member: a ticket may be good for others still. */
export async function removeTicketFile(dataFolder: string): Promise<void> {
  await rm(filesIn(dataFolder).ticket, { force: true })
}
