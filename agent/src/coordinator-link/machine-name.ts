/**
 * A name for the hardware that outlives a new installation: the UUID that the firmware tells (SMBIOS), hashed together with
 * the fleet, so that it tells nobody anything but "the same machine". Null where there is none of its own: some boards come with
 * all zeros or with their maker's example.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { secondMs, type Millis } from '@starling/shared/units.ts'

const answerMsMax: Millis = 10 * secondMs
const uuid = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/i
/** Makers' examples, as inventories of many machines know them. */
const nobodys = new Set(['03000200-0400-0500-0006-000700080009', '12345678-1234-5678-90ab-cddeefaabbcc'])

export async function machineName(fleet: string, read = readFirmwareUuid): Promise<string | null> {
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

async function readFirmwareUuid(): Promise<string> {
  if (process.platform === 'linux') return await readFile('/sys/class/dmi/id/product_uuid', 'utf8')
  const [program, ...given] =
    process.platform === 'win32'
      ? [
          'powershell.exe',
          '-NoProfile',
          '-NonInteractive',
          '-Command',
          '(Get-CimInstance Win32_ComputerSystemProduct).UUID'
        ]
      : ['/usr/sbin/ioreg', '-rd1', '-c', 'IOPlatformExpertDevice']
  return (await promisify(execFile)(program!, given, { timeout: answerMsMax, windowsHide: true })).stdout
}
