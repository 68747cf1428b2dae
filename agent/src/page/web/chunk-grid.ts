/** How chunks become squares: as large as the room allows, and several chunks a square when there are more than can be seen. Pure. */
import type { ChunkMap } from '../../views.ts'

export interface Grid {
  readonly cellPx: number
  readonly columns: number
  readonly rows: number
  readonly chunksPerCell: number
}

const cellsPx = [16, 14, 12, 10, 9, 8, 7, 6, 5, 4, 3] as const
const smallestPx = 3

export function gridOf(chunks: number, widthPx: number, heightPxMax: number): Grid {
  for (const cellPx of cellsPx) {
    const columns = Math.max(1, Math.floor(widthPx / cellPx))
    const rows = Math.ceil(chunks / columns)
    if (rows * cellPx <= heightPxMax) return { cellPx, columns, rows, chunksPerCell: 1 }
  }
  const columns = Math.max(1, Math.floor(widthPx / smallestPx))
  const chunksPerCell = Math.ceil(chunks / (columns * Math.floor(heightPxMax / smallestPx)))
  const rows = Math.ceil(Math.ceil(chunks / chunksPerCell) / columns)
  return { cellPx: smallestPx, columns, rows, chunksPerCell }
}

/** The source of each square: the one that most of its chunks have; of two with as many, the later. */
export function cellsOf(map: ChunkMap, { chunksPerCell }: Grid): Uint16Array {
  const cells = new Uint16Array(Math.ceil(map.chunks / chunksPerCell))
  const counts = new Uint32Array(map.sources.length)
  let inCell = 0
  let cell = 0
  const close = () => {
    let most = 0
    for (let source = 0; source < counts.length; source++)
      if ((counts[source] ?? 0) > 0 && (counts[source] ?? 0) >= (counts[most] ?? 0)) most = source
    cells[cell++] = most
    counts.fill(0)
    inCell = 0
  }
  for (const [source, count] of map.runs) {
    let left = count
    while (left > 0) {
      const taken = Math.min(left, chunksPerCell - inCell)
      counts[source] = (counts[source] ?? 0) + taken
      inCell += taken
      left -= taken
      if (inCell === chunksPerCell) close()
    }
  }
  if (inCell > 0) close()
  return cells
}
