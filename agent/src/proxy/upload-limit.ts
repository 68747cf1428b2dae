/** A request's body, counted while it passes, and stopped where it becomes longer than it may be. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Bytes } from '@starling/shared/units.ts'

export interface UploadCount {
  /** 0: as long as it likes. */
  readonly bytesMax: Bytes
  /** So many more have come. */
  came(bytes: Bytes): void
}

/** @throws StarlingError `upload-too-large` in the midst of it */
export function counted(
  body: AsyncIterable<Uint8Array> | null,
  count: UploadCount
): AsyncIterable<Uint8Array> | null {
  return body === null ? null : partsOf(body, count)
}

async function* partsOf(body: AsyncIterable<Uint8Array>, count: UploadCount): AsyncGenerator<Uint8Array> {
  const { bytesMax } = count
  let bytes: Bytes = 0
  for await (const part of body) {
    bytes += part.length
    count.came(part.length)
    if (bytesMax > 0 && bytes > bytesMax) throw uploadTooLarge(bytesMax)
    yield part
  }
}

export function uploadTooLarge(bytesMax: Bytes): StarlingError {
  return new StarlingError(
    'upload-too-large',
    `this request's body is longer than the ${bytesMax} bytes that proxy.limits.uploadBytes lets pass`
  )
}
