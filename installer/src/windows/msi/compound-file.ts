/**
 * Takes out of a compound file (the container that an MSI is) what differs between two that hold the same: the times of its
 * directory entries, and the fractions of a second that libmsi leaves in the summary's dates. The form is MS-CFB.
 */
import { readFile } from 'node:fs/promises'
import { StarlingError } from '@starling/shared/errors.ts'

const magic = Buffer.from('d0cf11e0a1b11ae1', 'hex')
/** Sector numbers from here on are marks: free, end of chain. */
const noSector = 0xfffffffa
const entryBytes = 128
/** VT_FILETIME, as the summary's dates are marked. */
const dateMark = Buffer.from([0x40, 0, 0, 0])
/** A FILETIME counts 100 ns from 1601 on. */
const epochSeconds = 11_644_473_600n
const ticksPerSecond = 10_000_000n

/** @param date that the summary has; of whole seconds */
export async function withoutTimes(file: string, date: Date): Promise<Buffer> {
  const bytes = await readFile(file)
  if (!bytes.subarray(0, magic.length).equals(magic))
    throw new StarlingError('not-msi', `${file} is no compound file: msibuild has written something else`)
  for (const at of directorySectors(bytes)) {
    for (let entry = at.from; entry < at.to; entry += entryBytes) bytes.fill(0, entry + 100, entry + 116)
  }
  const ticks = (BigInt(date.getTime() / 1000) + epochSeconds) * ticksPerSecond
  let dates = 0
  for (let at = bytes.indexOf(dateMark); at >= 0; at = bytes.indexOf(dateMark, at + 4)) {
    if (at + 12 > bytes.length) break
    const value = bytes.readBigUInt64LE(at + 4)
    if (value < ticks || value >= ticks + ticksPerSecond) continue
    bytes.writeBigUInt64LE(ticks, at + 4)
    dates += 1
  }
  if (dates !== 2)
    throw new StarlingError(
      'not-msi',
      `${file} has ${dates} dates in its summary, not two: msitools has changed`
    )
  return bytes
}

function directorySectors(bytes: Buffer): ReadonlyArray<{ readonly from: number; readonly to: number }> {
  const sectorBytes = 1 << bytes.readUInt16LE(30)
  const at = (sector: number): number => (sector + 1) * sectorBytes
  const next = sectorTable(bytes, sectorBytes, at)
  const sectors = []
  for (let sector = bytes.readUInt32LE(48); sector < noSector; sector = next[sector]!)
    sectors.push({ from: at(sector), to: at(sector) + sectorBytes })
  return sectors
}

/** Which sector follows which; where that table lies is said by 109 numbers in the header and chained sectors of more. */
function sectorTable(bytes: Buffer, sectorBytes: number, at: (sector: number) => number): readonly number[] {
  const numbers = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => bytes.readUInt32LE(from + 4 * index))
  const inSector = sectorBytes / 4
  const tableSectors = numbers(76, 109)
  for (let sector = bytes.readUInt32LE(68); sector < noSector;) {
    const more = numbers(at(sector), inSector)
    sector = more.pop()!
    tableSectors.push(...more)
  }
  return tableSectors.filter(sector => sector < noSector).flatMap(sector => numbers(at(sector), inSector))
}
