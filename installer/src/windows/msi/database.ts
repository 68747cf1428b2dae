/**
 * Tables and files as one .msi, through msibuild (msitools). The same input gives the same bytes: rows and streams come
 * in a fixed order, every file has the same date, and what the tools add of today's is taken out again.
 */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cabinetOf } from './cabinet.ts'
import { withoutTimes } from './compound-file.ts'
import { cabinetName, type Packed } from './files.ts'
import type { Guid } from './ids.ts'
import { tableText, type Row, type TableName, type Tables } from './tables.ts'

const execute = promisify(execFile)

export interface Summary {
  readonly subject: string
  readonly author: string
  readonly comments: string
  readonly packageCode: Guid
  /** Stands as the date of every file, and of the package. */
  readonly madeAt: Date
}

/** @param file is written anew */
export async function writeDatabase(
  file: string,
  tables: Tables,
  packed: readonly Packed[],
  summary: Summary
): Promise<void> {
  const folder = await mkdtemp(`${file}.`)
  try {
    const draft = join(folder, 'draft.msi')
    const imports = await writeTables(folder, tables, summary)
    await stageStreams(folder, tables, packed)
    // One call for all: each call would write the whole database again.
    await execute('msibuild', [draft, ...imports.flatMap(it => ['-i', it])], { cwd: folder })
    const cabinet = join(folder, cabinetName)
    await writeFile(cabinet, await cabinetOf(packed, summary.madeAt))
    await execute('msibuild', [draft, '-a', cabinetName, cabinet])
    await writeFile(file, await withoutTimes(draft, summary.madeAt))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeTables(folder: string, tables: Tables, summary: Summary): Promise<readonly string[]> {
  const texts = Object.entries(tables).map(([name, rows]) => [
    name,
    tableText(name as TableName, rows as ReadonlyArray<Row<TableName>>)
  ])
  const all = [...texts, ['_SummaryInformation', summaryText(summary)]].toSorted(([a], [b]) =>
    a! < b! ? -1 : 1
  )
  for (const [name, text] of all) await writeFile(join(folder, `${name}.idt`), text!, 'latin1')
  return all.map(([name]) => join(folder, `${name}.idt`))
}

/** msibuild takes a stream from a file in the folder that has its table's name. */
async function stageStreams(
  folder: string,
  { Binary = [] }: Tables,
  packed: readonly Packed[]
): Promise<void> {
  await mkdir(join(folder, 'Binary'))
  for (const { Data } of Binary)
    await copyFile(packed.find(file => file.key === Data)!.path, join(folder, 'Binary', Data))
}

/** https://learn.microsoft.com/windows/win32/msi/summary-property-descriptions */
function summaryText({ subject, author, comments, packageCode, madeAt }: Summary): string {
  const at = madeAt.toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ')
  const lines: ReadonlyArray<readonly [number, string]> = [
    [1, '1252'],
    [2, 'Installation Database'],
    [3, subject],
    [4, author],
    [5, 'Installer'],
    [6, comments],
    [7, 'x64;1033'],
    [9, packageCode],
    [12, at],
    [13, at],
    // Windows Installer 5.0, files compressed with long names, read only recommended.
    [14, '500'],
    [15, '2'],
    [18, 'Starling'],
    [19, '2']
  ]
  const head = ['PropertyId\tValue', 'i2\tl255', '_SummaryInformation\tPropertyId']
  return [...head, ...lines.map(([id, value]) => `${id}\t${value}`)].map(line => `${line}\r\n`).join('')
}
