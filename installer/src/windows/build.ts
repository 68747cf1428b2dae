/** One MSI as it is handed out: laid out, put into tables, signed, and with an SBOM and a checksum beside it. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readPackage } from '../bundle.ts'
import { house } from '../house.ts'
import { describeBeside } from '../beside.ts'
import { sign, type Signer } from '../sign.ts'
import { layOut } from './contents.ts'
import { writeMsi } from './msi/msi.ts'
import type { Product } from './msi/product.ts'

export interface BuildOptions {
  /** Where the package and what goes with it are put. */
  readonly out: string
  /** null: nothing is signed. */
  readonly signer: Signer | null
  /** Instead of the one in package.json. */
  readonly version?: string
}

/** @returns the package's file */
export async function buildMsi(product: Product, { out, signer, ...options }: BuildOptions): Promise<string> {
  const version = options.version ?? (await readPackage(house)).version
  const given = dateGiven()
  // The day from which on files of a package are dated.
  const madeAt = given ?? new Date('2026-01-01T00:00:00Z')
  const file = join(out, `${product.file}-${version}-x64.msi`)
  const work = `${file}.contents`
  await mkdir(out, { recursive: true })
  const signOurs = async (path: string): Promise<void> => {
    if (signer !== null) await sign(path, product.name, given, signer)
  }
  try {
    const contents = await layOut(product, version, work, signOurs)
    await writeMsi(file, { ...contents, product, version, madeAt, isSigned: signer !== null })
    await signOurs(file)
    await describeBeside(file, product.name, version, contents.parts)
    return file
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** https://reproducible-builds.org/specs/source-date-epoch/ */
function dateGiven(): Date | null {
  const seconds = process.env['SOURCE_DATE_EPOCH']
  return seconds === undefined ? null : new Date(Number(seconds) * 1000)
}
