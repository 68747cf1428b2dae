/** What stands in an MSI, read back by msiinfo: for tests, and for what is made from a package (winget, Ansible). */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** @returns rows by the names of their columns; numbers are text too */
export async function readTable(
  msi: string,
  table: string
): Promise<ReadonlyArray<Readonly<Record<string, string>>>> {
  const { stdout } = await execute('msiinfo', ['export', msi, table], { maxBuffer: 64 * 1024 * 1024 })
  const [names = [], , , ...rows] = stdout
    .split(/\r?\n/)
    .map(line => line.split('\t'))
    .filter((_, index, lines) => index < lines.length - 1)
  return rows.map(row => Object.fromEntries(names.map((name, index) => [name, row[index] ?? ''])))
}

export async function readProperty(msi: string, name: string): Promise<string | null> {
  const rows = await readTable(msi, 'Property')
  return rows.find(row => row['Property'] === name)?.['Value'] ?? null
}

/** Title, subject, author, comments and the like, as lines. */
export async function readSummary(msi: string): Promise<string> {
  return (await execute('msiinfo', ['suminfo', msi])).stdout
}
