/** The origin double on a host of the lab, with its counters: `origin-host.ts <address>`. */
import type { Bytes } from '@starling/shared/units.ts'
import { seededContent } from '../doubles/content.ts'
import { startOrigin } from '../doubles/origin.ts'
import { answer } from './lines.ts'

export interface PutOrder {
  readonly path: string
  readonly seed: string
  readonly length: Bytes
}

const origin = await startOrigin({ host: process.argv[2]!, port: 80 })

answer({
  hello: () => process.pid,
  put({ path, seed, length }: PutOrder) {
    origin.put(path, seededContent(seed, length))
    return origin.url + path
  },
  bodyBytes: (path: string) => origin.stats(path).bodyBytes,
  stats: (path: string) => origin.stats(path)
})
