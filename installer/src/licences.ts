/** The folder `licences` of a package: ours, and those of everybody whose code is in it. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { house } from './house.ts'
import type { Part } from './third-party.ts'

/** Parts with a file of their own: long texts, and the one that people look for. */
const apart: ReadonlySet<string> = new Set(['node', 'mingw-w64', 'leveldb', 'snappy'])

/** @param folder is made. Lines end as Windows' editor likes them, which others take too. */
export async function writeLicences(folder: string, parts: readonly Part[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  const write = async (name: string, text: string): Promise<void> =>
    writeFile(join(folder, name), text.replaceAll(/\r?\n/g, '\r\n'))
  await copyFile(join(house, 'LICENSE'), join(folder, 'Starling.txt'))
  for (const part of parts.filter(it => apart.has(it.name))) await write(`${part.name}.txt`, part.text)
  await write('packages.txt', packagesText(parts.filter(it => !apart.has(it.name))))
}

/** One text after the other, each once, under the names of the packages that it is for. */
function packagesText(parts: readonly Part[]): string {
  const byText = Map.groupBy(parts, part => part.text.trim())
  const chapters = [...byText].map(([text, of]) => {
    const names = of.map(({ name, version, licence }) => `${name} ${version} (${licence})`)
    return `${names.join('\n')}\n\n${text}\n`
  })
  return `Starling contains the packages below, each under the licence that follows its name.\n\n${chapters.join(`\n${'-'.repeat(80)}\n\n`)}`
}
