/** What a configuration is held against besides itself: this machine's addresses, its name, and the volume of the data folder. */
import { statfs } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import type { Bytes } from '@starling/shared/units.ts'

/**
 * Why an upstream request to this host would be refused as it is written, by this `upstream.allowPrivate`; null: it would not. Names
 * are not resolved. (upstream/address-check.ts has it; the roots hand it in.) @throws StarlingError `bad-config` for a list that
 * cannot be understood
 */
export type UpstreamRefusal = (allowPrivate: readonly string[], host: string, port: number) => string | null

export interface Surroundings {
  readonly hostName: string
  readonly ownAddresses: readonly string[]
  /** Of the volume that the data folder is on, or will be; null: not known. */
  readonly volumeBytes: Bytes | null
  readonly upstreamRefusal: UpstreamRefusal
}

export async function lookAround(
  dataFolder: string,
  upstreamRefusal: UpstreamRefusal
): Promise<Surroundings> {
  return {
    hostName: hostname(),
    ownAddresses: Object.values(networkInterfaces()).flatMap(
      links => links?.map(({ address }) => address) ?? []
    ),
    volumeBytes: await volumeBytesOf(dataFolder),
    upstreamRefusal
  }
}

/** The folder need not be there yet: then it will be on the volume of the first one above it that is. */
async function volumeBytesOf(folder: string): Promise<Bytes | null> {
  try {
    const { blocks, bsize } = await statfs(folder)
    return blocks * bsize
  } catch {
    const above = dirname(folder)
    return above === folder ? null : await volumeBytesOf(above)
  }
}
