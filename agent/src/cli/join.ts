/** `starling join TICKET`: makes this machine a member of a fleet. */
import { mkdir } from 'node:fs/promises'
import { parseTicket } from '@starling/shared/ticket.ts'
import { findAgent } from './api.ts'
import type { CommandTools } from './services.ts'

export async function joinFleet(
  { dataFolder, json }: { readonly dataFolder: string; readonly json: boolean },
  ticket: string,
  { services, terminal }: CommandTools
): Promise<void> {
  // A ticket that is none must not leave a folder behind.
  parseTicket(ticket)
  await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  const joined = await services.join(dataFolder, ticket)
  const running = (await findAgent(dataFolder)) !== null
  if (json) return terminal.print(JSON.stringify({ ...joined, restartNeeded: running }))
  terminal.print(
    `${joined.id} is now ${joined.role === 'gateway' ? 'a gateway' : 'an agent'} of site ${joined.site}.`
  )
  terminal.note(
    running
      ? 'The agent that runs here takes its membership at its next start: restart it.'
      : `Next: starling run --data "${dataFolder}"`
  )
}
