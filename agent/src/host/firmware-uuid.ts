/** The UUID that this machine's firmware tells (SMBIOS), in a text that may have more in it, or nothing. */
import { readFile } from 'node:fs/promises'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { serviceHost } from '../registry-host.ts'
import { runProgram } from '../run-program.ts'
import { readWindowsMachine } from './windows-machine.ts'

const answerMsMax: Millis = 10 * secondMs

/** Rejects where it must not be read. */
export async function firmwareUuid(): Promise<string> {
  if (process.platform === 'linux') return await readFile('/sys/class/dmi/id/product_uuid', 'utf8')
  if (process.platform === 'win32') {
    const host = serviceHost(process.env)
    return host === null ? '' : ((await readWindowsMachine(runProgram, host)).uuid ?? '')
  }
  return (await runProgram('/usr/sbin/ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice'], answerMsMax)).output
}
