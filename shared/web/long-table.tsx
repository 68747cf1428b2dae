/**
 * A table of any length of which only the rows on the screen exist (@tanstack/virtual-core). Rows have one height; what is
 * further down is asked for when it comes near. Keyboard: the box scrolls like any other.
 */
import {
  Virtualizer,
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem
} from '@tanstack/virtual-core'
import type { ComponentChildren } from 'preact'
import { useEffect, useReducer, useRef } from 'preact/hooks'

export interface Column<Row> {
  readonly name: string
  /** A track of CSS grid: `2fr`, `8rem`. */
  readonly width: string
  readonly cell: (row: Row) => ComponentChildren
  readonly numeric?: boolean
}

export function LongTable<Row>(props: {
  readonly label: string
  readonly columns: ReadonlyArray<Column<Row>>
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly rowHeightPx?: number
  /** Called when the last rows come into sight; does nothing when there are no more. */
  readonly more?: () => void
  /** Told which rows are on the screen, or next to it. */
  readonly seen?: (first: number, last: number) => void
  /** There are rows that have not come yet, and nobody knows how many. */
  readonly isPart?: boolean
}) {
  const { rows, columns, more, seen, rowHeightPx = 40 } = props
  const box = useRef<HTMLDivElement>(null)
  const [, redraw] = useReducer((count: number) => count + 1, 0)
  const virtual = useRef<Virtualizer<HTMLDivElement, Element> | null>(null)
  const options = {
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeightPx,
    overscan: 8,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => redraw(undefined)
  }
  virtual.current ??= new Virtualizer(options)
  const table = virtual.current
  table.setOptions(options)
  useEffect(() => table._didMount(), [table])
  useEffect(() => table._willUpdate())
  // It remembers how high rows were: a window that became narrow has higher ones.
  useEffect(() => table.measure(), [table, rowHeightPx])
  const items: readonly VirtualItem[] = table.getVirtualItems()
  const first = items[0]?.index ?? 0
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (last >= rows.length - 20) more?.()
  }, [last, rows.length, more])
  useEffect(() => seen?.(first, last), [first, last, seen])
  const tracks = { gridTemplateColumns: columns.map(column => column.width).join(' ') }
  return (
    <div
      class="long-table"
      role="table"
      aria-label={props.label}
      aria-rowcount={props.isPart === true ? -1 : rows.length + 1}
    >
      <div role="rowgroup">
        <div role="row" aria-rowindex={1} class="head" style={tracks}>
          {columns.map(column => (
            <span key={column.name} role="columnheader" class={column.numeric === true ? 'num' : ''}>
              {column.name}
            </span>
          ))}
        </div>
      </div>
      <div class="rows" ref={box} tabIndex={0} role="rowgroup" aria-label={props.label}>
        <div role="presentation" style={{ blockSize: `${table.getTotalSize()}px`, position: 'relative' }}>
          {items.map(item => {
            const row = rows[item.index]
            if (row === undefined) return null
            return (
              <div
                key={props.keyOf(row)}
                role="row"
                aria-rowindex={item.index + 2}
                class="row"
                style={{ ...tracks, blockSize: `${rowHeightPx}px`, transform: `translateY(${item.start}px)` }}
              >
                {columns.map(column => (
                  <span
                    key={column.name}
                    role="cell"
                    class={column.numeric === true ? 'num' : ''}
                    data-column={column.name}
                  >
                    {column.cell(row)}
                  </span>
                ))}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
