/** A password or passphrase: typed without an echo, twice if it is a new one, or the first line of stdin. Never an argument. */
import { text } from 'node:stream/consumers'
import { StarlingError } from '@starling/shared/errors.ts'

export async function readSecret(what: string, isNew: boolean): Promise<string> {
  if (!process.stdin.isTTY) return (await text(process.stdin)).split(/\r?\n/, 1)[0] ?? ''
  const typed = await typedSilently(`${what}: `)
  if (isNew && (await typedSilently(`${what} again: `)) !== typed)
    throw new StarlingError('not-the-same', 'these two are not the same: try again')
  return typed
}

async function typedSilently(prompt: string): Promise<string> {
  const { stdin } = process
  process.stderr.write(prompt)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  let typed = ''
  try {
    for await (const keys of stdin.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      for (const key of keys) {
        if (key === '\r' || key === '\n' || key === '\u0004') return typed
        if (key === '\u0003') throw new StarlingError('given-up', 'given up')
        typed = key === '\u007f' || key === '\b' ? typed.slice(0, -1) : typed + key
      }
    }
    return typed
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    process.stderr.write('\n')
  }
}
