/** Hands an address to the browser of whoever is logged in. */
import { spawn } from 'node:child_process'
import { systemProgram } from './run-program.ts'

/** @throws Error when there is nothing to open it with */
export async function openBrowser(address: string): Promise<void> {
  const [program, ...args] = commandFor(address)
  const child = spawn(program, args, { stdio: 'ignore', detached: true, windowsHide: true })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('spawn', resolve)
  })
  child.unref()
}

/** No shell takes part: the address goes as one argument, whatever is in it. */
function commandFor(address: string): readonly [string, ...string[]] {
  if (process.platform === 'win32')
    return [systemProgram('rundll32.exe', process.env['SystemRoot']), 'url.dll,FileProtocolHandler', address]
  return process.platform === 'darwin' ? ['/usr/bin/open', address] : ['xdg-open', address]
}
