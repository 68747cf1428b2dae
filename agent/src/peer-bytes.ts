/** What was taken from and given to each peer, read off the events that pass by anyway. */
import { chunkLength } from '@starling/shared/chunking.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { AgentEvent, UploadId } from './ports.ts'

export interface Given {
  readonly peer: AgentId
  readonly transfer: TransferId
  readonly bytes: Bytes
}

export interface PeerBytes {
  /** @returns what was given to whom, when an upload has ended by it. */
  note(event: AgentEvent): Given | null
  of(peer: AgentId): { readonly bytesFrom: Bytes; readonly bytesTo: Bytes }
}

/** `lengthOf`: of a transfer's content; null when it is not known (any more). */
export function createPeerBytes(
  sizeOf: (transfer: TransferId) => { readonly length: Bytes; readonly chunkBytes: Bytes } | null
): PeerBytes {
  const taken = new Map<AgentId, Bytes>()
  const given = new Map<AgentId, Bytes>()
  const uploads = new Map<UploadId, { readonly peer: AgentId; readonly transfer: TransferId }>()
  const add = (to: Map<AgentId, Bytes>, peer: AgentId, bytes: Bytes): void => {
    to.set(peer, (to.get(peer) ?? 0) + bytes)
  }
  return {
    note(event) {
      if (event.type === 'chunk-stored' && event.source.kind === 'peer') {
        const size = sizeOf(event.transfer)
        if (size !== null)
          add(taken, event.source.peer, chunkLength(event.chunk, size.length, size.chunkBytes))
      } else if (event.type === 'chunk-asked') {
        uploads.set(event.upload, { peer: event.peer, transfer: event.transfer })
      } else if (event.type === 'upload-ended') {
        const upload = uploads.get(event.upload)
        uploads.delete(event.upload)
        if (upload !== undefined) {
          add(given, upload.peer, event.bytes)
          return { ...upload, bytes: event.bytes }
        }
      }
      return null
    },
    of: peer => ({ bytesFrom: taken.get(peer) ?? 0, bytesTo: given.get(peer) ?? 0 })
  }
}
