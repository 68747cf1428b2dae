/** This program's version, as its package says. */
import { readFile } from 'node:fs/promises'

export async function ownVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
