/**
 * Which of the machine's clients are turned to the agent, found by what `starling configure` writes (agent/src/client-settings/items).
 * Windows Installer must know before a removal what to apply again should it fail: by then the way back has been used up.
 */
import type { Product } from './product.ts'
import { localMachine, rawIn64bit } from './settings.ts'
import type { Tables } from './tables.ts'

type Client = Product['clients'][number]

export const foundClient = ({ property }: Client): string => `FOUND${property}`

/** In the words of Windows Installer's conditions. */
export const isTurned = (client: Client): string => `(${client.trace.isOurs})`

export function clientTables({ clients }: Product): Tables {
  return {
    AppSearch: clients.map(it => ({ Property: foundClient(it), Signature_: foundClient(it) })),
    RegLocator: clients.map(it => ({
      Signature_: foundClient(it),
      Root: localMachine,
      Key: it.trace.key,
      Name: it.trace.name,
      Type: rawIn64bit
    }))
  }
}
