/** The version that Windows reads in a program: Windows Installer wants it in the File table, to know which of two is newer. */
import { open } from 'node:fs/promises'

/** VS_FIXEDFILEINFO begins with it. */
const signature = Buffer.from([0xbd, 0x04, 0xef, 0xfe])

/** Nothing for what is no program or has no version. */
export async function versionOf(
  file: string
): Promise<{ readonly Version?: string; readonly Language?: string }> {
  if (!/\.(exe|dll|node)$/i.test(file)) return {}
  const handle = await open(file)
  try {
    const bytes = await handle.readFile()
    const at = bytes.readUInt16LE(0) === 0x5a4d ? bytes.indexOf(signature) : -1
    if (at < 0) return {}
    const high = bytes.readUInt32LE(at + 8)
    const low = bytes.readUInt32LE(at + 12)
    return { Version: [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff].join('.'), Language: '1033' }
  } finally {
    await handle.close()
  }
}
