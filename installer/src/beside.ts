/** What lies beside each package that is handed out: its checksum and its SBOM. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { sbomOf } from './sbom.ts'
import type { Part } from './third-party.ts'

/** @returns the checksum, in hex */
export async function describeBeside(
  file: string,
  product: string,
  version: string,
  parts: readonly Part[]
): Promise<string> {
  const sha256 = createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
  const name = basename(file)
  await writeFile(`${file}.sha256`, `${sha256}  ${name}\n`)
  await writeFile(`${file}.cdx.json`, sbomOf(product, version, name, sha256, parts))
  return sha256
}
