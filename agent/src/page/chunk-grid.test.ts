import { describe, expect, test } from 'vitest'
import type { ChunkMap, ChunkSource } from '../views.ts'
import { cellsOf, gridOf } from './web/chunk-grid.ts'

const sources: readonly ChunkSource[] = [
  { kind: 'missing', peer: null },
  { kind: 'fetching', peer: null },
  { kind: 'disk', peer: null },
  { kind: 'origin', peer: null }
]

function mapOf(...runs: ReadonlyArray<readonly [source: number, count: number]>): ChunkMap {
  const chunks = runs.reduce((sum, [, count]) => sum + count, 0)
  return { transfer: '00', chunkBytes: 1, chunks, sources, runs }
}

describe('the squares of a chunk map', () => {
  test('a few chunks get large squares, one each', () => {
    expect(gridOf(10, 300, 150)).toEqual({ cellPx: 16, columns: 18, rows: 1, chunksPerCell: 1 })
  })

  test.each([1, 600, 5000, 20_000, 1_000_000])('%d chunks fit into the room there is', chunks => {
    const { cellPx, columns, rows, chunksPerCell } = gridOf(chunks, 320, 150)
    expect(columns * cellPx).toBeLessThanOrEqual(320)
    expect(rows * cellPx).toBeLessThanOrEqual(150)
    expect(columns * rows * chunksPerCell).toBeGreaterThanOrEqual(chunks)
  })

  test('a square of its own has the source of its chunk', () => {
    const map = mapOf([3, 2], [0, 1], [2, 1])
    expect([...cellsOf(map, gridOf(map.chunks, 300, 150))]).toEqual([3, 3, 0, 2])
  })

  test('a square of several has the source that most of them have, over the ends of runs and in the last one', () => {
    const map = mapOf([3, 5], [0, 5], [1, 2])
    expect([...cellsOf(map, { cellPx: 3, columns: 3, rows: 1, chunksPerCell: 4 })]).toEqual([3, 0, 1])
    const tie = mapOf([0, 2], [2, 2])
    expect([...cellsOf(tie, { cellPx: 3, columns: 3, rows: 1, chunksPerCell: 4 })], 'a tie').toEqual([2])
  })
})
