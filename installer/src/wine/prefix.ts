/** A Windows of one's own: a folder with its registry and its C:. */
import { mkdir } from 'node:fs/promises'
import { openWine } from './session.ts'

/**
 * @param folder is made; it belongs to one session at a time
 * @throws StarlingError `no-wine`
 */
export async function makePrefix(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  // In the session that makes a prefix Wine does not find services that are installed later (error 1060), so that one is ended.
  await (await openWine(folder)).close()
  return folder
}
