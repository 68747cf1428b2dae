/** The origin process of the demo and the bench, as its parent sees it: one path, its bytes over the WAN, and the rate. */
import { fileURLToPath } from 'node:url'
import type { Bytes, BytesPerSecond } from '@starling/shared/units.ts'
import { json } from '../e2e/client.ts'
import type { House } from '../e2e/harness.ts'
import type { PathStats } from '../doubles/origin.ts'

const originProgram = fileURLToPath(import.meta.resolve('../doubles/origin-process.ts'))

export interface OriginPath {
  readonly url: string
  readonly wanBytes: () => Promise<Bytes>
  readonly stats: () => Promise<PathStats>
}

export interface OriginLine extends OriginPath {
  /** Another path with the same content: a download that nobody has made yet. */
  path(name: string): Promise<OriginPath>
}

/** Content is a file of this machine, or made up of a seed. */
export type OriginContent = { readonly file: string } | { readonly seed: string; readonly length: Bytes }

export async function startOriginLine(
  house: House,
  name: string,
  content: OriginContent,
  rate: BytesPerSecond | null
): Promise<OriginLine> {
  const process = await house.start('origin', originProgram, [])
  const control = String(process.ready.control)
  const command = (body: unknown): Promise<unknown> =>
    json(control, { method: 'POST', body: JSON.stringify(body) })
  await command({ rate })
  const path = async (name: string): Promise<OriginPath> => {
    const path = `/${encodeURIComponent(name)}`
    await command({ path, put: content })
    const stats = async (): Promise<PathStats> =>
      (await json<{ paths: Record<string, PathStats> }>(control)).paths[path]!
    return {
      url: String(process.ready.url) + path,
      wanBytes: async () => (await stats()).bodyBytes,
      stats
    }
  }
  return { ...(await path(name)), path }
}
