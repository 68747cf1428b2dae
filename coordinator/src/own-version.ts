/** This program's version, as its package says. */
import { readFile } from 'node:fs/promises'
import { programFolder } from './program-folder.ts'

export async function ownVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL('package.json', programFolder), 'utf8')) as {
    version: string
  }
  return version
}
