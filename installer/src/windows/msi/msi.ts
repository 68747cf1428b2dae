/** One MSI: a product's tables from their parts, and the files that they speak of. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { actionTables, binaryTables, productActions } from './actions.ts'
import { clientTables } from './clients.ts'
import { dataFolderActions, dataFolderTables } from './data-folder.ts'
import { writeDatabase } from './database.ts'
import { fileTables, type Packed } from './files.ts'
import { featureTables, identityTables } from './identity.ts'
import { guidOfContent, type Guid } from './ids.ts'
import { hostFile } from '../host.ts'
import { directoryTables, treesOf, type Layout } from './layout.ts'
import { pathTables, registryTables, serviceTables } from './machine.ts'
import { manufacturer, type Product } from './product.ts'
import { sequenceTables } from './sequences.ts'
import { rememberActions, settingTables } from './settings.ts'
import { joinTables, type Tables } from './tables.ts'

export interface MsiSource extends Layout {
  readonly product: Product
  /** Three numbers: Windows Installer compares no more. */
  readonly version: string
  readonly madeAt: Date
  readonly isSigned: boolean
}

/** @param file is written anew */
export async function writeMsi(file: string, source: MsiSource): Promise<void> {
  const { tables, packed } = await msiTables(source)
  await writeDatabase(file, tables, packed, {
    subject: `${source.product.name} ${source.version}`,
    author: manufacturer,
    comments: `${source.product.description}${source.isSigned ? '' : ' This build is not signed.'}`,
    packageCode: await packageCode(tables, packed),
    madeAt: source.madeAt
  })
}

export async function msiTables(
  source: MsiSource
): Promise<{ readonly tables: Tables; readonly packed: readonly Packed[] }> {
  const { product, version } = source
  const { tables: files, packed } = await fileTables(product.upgradeCode, treesOf(source))
  const host = packed.find(it => it.path === join(source.programFolder, hostFile))!
  const parts = [
    directoryTables(product, source),
    files,
    serviceTables(product),
    registryTables(product, hostFile),
    pathTables(),
    dataFolderTables(product),
    settingTables(product),
    clientTables(product),
    identityTables(product, version),
    sequenceTables,
    binaryTables(host.key),
    actionTables([
      ...dataFolderActions(product),
      ...rememberActions(product),
      ...productActions(product, host.key)
    ])
  ]
  const components = joinTables(parts).Component!.map(it => it.Component)
  return { tables: joinTables([...parts, featureTables(product, components)]), packed }
}

/** Two packages that differ in anything have two codes: Windows keeps a package under its code, and would take one for the other. */
async function packageCode(tables: Tables, packed: readonly Packed[]): Promise<Guid> {
  const parts = [JSON.stringify(tables)]
  for (const { path } of packed) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    parts.push(hash.digest('hex'))
  }
  return guidOfContent(parts)
}
