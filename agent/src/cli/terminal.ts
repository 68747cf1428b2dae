/** The process's own streams as a Terminal. */
import type { Terminal } from './services.ts'

export function createTerminal(): Terminal {
  const { stdout, stderr, stdin, env } = process
  let isProgressShown = false
  // A reader that has seen enough (`| head`) is no error of ours.
  for (const stream of [stdout, stderr])
    stream.on('error', error => {
      if (!('code' in error && error.code === 'EPIPE')) throw error
    })
  const clear = () => {
    if (isProgressShown) stderr.write('\r\u001b[K')
    isProgressShown = false
  }
  return {
    env,
    stdin,
    get columns() {
      return stderr.isTTY ? stderr.columns : 0
    },
    print(line) {
      clear()
      stdout.write(`${line}\n`)
    },
    note(line) {
      clear()
      stderr.write(`${line}\n`)
    },
    progress(line) {
      if (line === null || !stderr.isTTY) return clear()
      isProgressShown = true
      // One line only: a wrapped one could not be replaced.
      stderr.write(`\r${line.slice(0, Math.max(0, stderr.columns - 1))}\u001b[K`)
    }
  }
}
