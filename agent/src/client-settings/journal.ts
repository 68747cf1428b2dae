/**
 * What was there before Starling changed it (`client-settings.json`), by item, level and user. It is written to the disk before
 * anything is changed, so a process that ends at any moment leaves behind how to put it back. The machine's lies in the agent's data folder, which may be
 * closed to users; what a user has set for himself lies in a folder of his own.
 *
 * Whoever may write these folders must not gain more by this file than these settings: it says what the values were, and never
 * where. Places come from the items' rules.
 */
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { z } from 'zod'
import { thisProcess, whileLocked, type LockFiles, type LockTools } from './journal-lock.ts'
import { storedSchema, type Stored } from './stored.ts'

export interface KeptValue {
  readonly before: Stored
  /** What we wrote there, the last time last: with any of these it is still ours. */
  readonly ours: readonly Stored[]
}

/** By the words of `ItemRules.changed`. */
export type Kept = Readonly<Record<string, KeptValue>>

/** By `pac@machine`, `go@user:alice`. */
export type Journal = Readonly<Record<string, Kept>>

const shape = z.strictObject({
  version: z.literal(1),
  items: z.record(
    z.string(),
    z.record(z.string(), z.strictObject({ before: storedSchema, ours: z.array(storedSchema) }))
  )
})

export interface JournalFile {
  /** @throws StarlingError `journal-damaged`, `journal-closed` */
  read(): Promise<Journal>
  /** This entry and no other, whatever else has come into the file meanwhile. @param kept null: it goes */
  put(key: string, kept: Kept | null): Promise<void>
  /** While no other process changes anything. @throws StarlingError `configure-busy` */
  alone<Result>(work: () => Promise<Result>): Promise<Result>
}

export interface FileAccess extends LockFiles {
  /** Whole or not at all, and on the disk when it is done. */
  write(path: string, text: string): Promise<void>
}

/** @param content null: there is no such file. @throws StarlingError `journal-damaged` */
export function journalFrom(content: Uint8Array | null, path: string): Journal {
  if (content === null) return {}
  try {
    return shape.parse(JSON.parse(new TextDecoder().decode(content))).items
  } catch (cause) {
    throw new StarlingError(
      'journal-damaged',
      `${path} cannot be understood (${messageOf(cause).slice(0, 200)}), so nothing can be put back from it: look at its values yourself, ` +
        'then move it away',
      { cause }
    )
  }
}

export function createJournalFile(
  path: string,
  files: FileAccess,
  locking: LockTools = thisProcess
): JournalFile {
  async function read(): Promise<Journal> {
    const content = await files.read(path).catch((cause: unknown) => {
      if (codeOf(cause) !== 'secret-file-unreadable') throw cause
      throw new StarlingError(
        'journal-closed',
        `what is applied for the machine cannot be seen by this user (${messageOf(cause)}): run this as administrator`,
        { cause }
      )
    })
    return journalFrom(content, path)
  }

  return {
    read,
    alone: work => whileLocked(`${path}.lock`, files, locking, work),
    async put(key, kept) {
      const { [key]: _, ...others } = await read()
      const journal = kept === null ? others : { ...others, [key]: kept }
      // With nothing to put back there is nothing to keep, not even beyond a removal of the program.
      if (Object.keys(journal).length === 0) await files.remove(path)
      else await files.write(path, `${JSON.stringify({ version: 1, items: journal }, null, 2)}\n`)
    }
  }
}
