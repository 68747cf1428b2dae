/**
 * A name for the hardware that outlives a new installation: the UUID that the firmware tells (SMBIOS), hashed together with
 * the fleet, so that it tells nobody anything but "the same machine". Null where there is none of its own: some boards come with
 * all zeros or with their maker's example.
 */
import { createHash } from 'node:crypto'

const uuid = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/i
/** Makers' examples, as inventories of many machines know them. */
const nobodys = new Set(['03000200-0400-0500-0006-000700080009', '12345678-1234-5678-90ab-cddeefaabbcc'])

/** @param read a text with the UUID in it, as the firmware of this machine tells it */
export async function machineName(fleet: string, read: () => Promise<string>): Promise<string | null> {
  let told
  try {
    told = uuid.exec(await read())?.[0].toLowerCase()
  } catch {
    return null
  }
  const digits = new Set(told?.replaceAll('-', ''))
  if (told === undefined || digits.size <= 2 || nobodys.has(told)) return null
  return createHash('sha256').update(`starling/machine/1\n${fleet}\n${told}`).digest('hex')
}
