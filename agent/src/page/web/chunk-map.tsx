/**
 * Where each chunk came from: a square for each (or for a few, when there are too many to see), coloured by its source. A canvas,
 * because a thousand elements that change four times a second would cost more than the download; drawn when the screen draws and
 * not more often.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { shortId } from '@starling/shared/web/names.ts'
import type { ChunkMap } from '../../views.ts'
import { cellsOf, gridOf, type Grid } from './chunk-grid.ts'
import { useText } from './words.ts'

/** So many shades of green there are in page.css; more peers begin again. */
const shades = 6
const heightPxMax = 150

export function ChunkMapShown({ map, name }: { readonly map: ChunkMap; readonly name: string }) {
  const { t, format } = useText()
  const canvas = useRef<HTMLCanvasElement>(null)
  const latest = useRef(map)
  latest.current = map
  const grid = useRef<Grid | null>(null)
  const colors = colorsOf(map)
  /** The chunk that the reader asks about, with the slider or by pointing at it. */
  const [asked, ask] = useState(0)

  const drawSoon = useMemo(() => {
    let frame = 0
    return () => {
      if (frame !== 0) return
      frame = requestAnimationFrame(() => {
        frame = 0
        if (canvas.current !== null) grid.current = draw(canvas.current, latest.current)
      })
    }
  }, [])
  useEffect(drawSoon, [map, drawSoon])
  useEffect(() => {
    const node = canvas.current
    if (node === null) return undefined
    const watcher = new ResizeObserver(drawSoon)
    watcher.observe(node)
    // Another look has other colours.
    const looks = new MutationObserver(drawSoon)
    looks.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] })
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', drawSoon)
    return () => {
      watcher.disconnect()
      looks.disconnect()
      dark.removeEventListener('change', drawSoon)
    }
  }, [drawSoon])

  const counts = map.sources.map(() => 0)
  for (const [source, count] of map.runs) counts[source] = (counts[source] ?? 0) + count
  const nameOf = (index: number): string => {
    const source = map.sources[index]
    if (source === undefined) return ''
    return source.peer === null
      ? t(`chunks.${source.kind}`)
      : t(`chunks.${source.kind}`, { peer: shortId(source.peer) })
  }
  const present = map.sources
    .map((_, index) => ({ index, count: counts[index] ?? 0 }))
    .filter(({ count }) => count > 0)
    // What is missing is the ground, so it is told last.
    .sort((one, other) => Number(one.index === 0) - Number(other.index === 0))
  const told = present
    .map(({ index, count }) => `${nameOf(index)} ${format.share(count, map.chunks)}`)
    .join(', ')

  const point = (event: PointerEvent) => {
    if (grid.current === null) return
    const { cellPx, columns, chunksPerCell } = grid.current
    const cell = Math.floor(event.offsetY / cellPx) * columns + Math.floor(event.offsetX / cellPx)
    const chunk = cell * chunksPerCell
    if (chunk >= 0 && chunk < map.chunks) ask(chunk)
  }
  const at = Math.min(asked, map.chunks - 1)
  const answer = t('chunks.one', { chunk: format.count(at), source: nameOf(sourceAt(map, at)) })
  return (
    <figure class="chunk-map">
      <figcaption>
        {t('chunks.title')} <span class="count">{t('chunks.count', { count: map.chunks })}</span>
      </figcaption>
      <canvas
        ref={canvas}
        role="img"
        aria-label={t('chunks.summary', { name, told })}
        onPointerMove={point}
      />
      <label class="chunk-asked">
        <span class="count">{t('chunks.look')}</span>
        <input
          type="range"
          min={0}
          max={map.chunks - 1}
          value={at}
          aria-valuetext={answer}
          onInput={event => ask(event.currentTarget.valueAsNumber)}
        />
        <output>{answer}</output>
      </label>
      <ul class="chunk-legend">
        {present.map(({ index, count }) => (
          <li key={index}>
            <span class="swatch" style={{ background: `var(${colors[index]})` }} aria-hidden="true" />
            {nameOf(index)} <span class="count">{format.share(count, map.chunks)}</span>
          </li>
        ))}
      </ul>
    </figure>
  )
}

/** The custom property of each source's colour. */
function colorsOf({ sources }: ChunkMap): readonly string[] {
  let peers = 0
  return sources.map(({ kind }) => {
    if (kind === 'missing') return '--track'
    if (kind === 'fetching') return '--fetching'
    if (kind === 'disk') return '--cache'
    if (kind === 'peer') return `--peer-${peers++ % shades}`
    return `--${kind}`
  })
}

function draw(canvas: HTMLCanvasElement, map: ChunkMap): Grid {
  const grid = gridOf(map.chunks, canvas.clientWidth, heightPxMax)
  const ratio = devicePixelRatio
  const [width, height] = [
    Math.round(canvas.clientWidth * ratio),
    Math.round(grid.rows * grid.cellPx * ratio)
  ]
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
    canvas.style.blockSize = `${grid.rows * grid.cellPx}px`
  }
  const pen = canvas.getContext('2d')
  if (pen === null) return grid
  // light-dark() of a custom property is resolved where it is used as a colour.
  const styled = getComputedStyle(canvas)
  const paints = colorsOf(map).map(color => {
    canvas.style.color = `var(${color})`
    return styled.color
  })
  canvas.style.color = ''
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  pen.clearRect(0, 0, canvas.clientWidth, grid.rows * grid.cellPx)
  const gap = grid.cellPx >= 6 ? 1.5 : grid.cellPx >= 4 ? 1 : 0
  for (const [cell, source] of cellsOf(map, grid).entries()) {
    pen.fillStyle = paints[source] ?? ''
    pen.fillRect(
      (cell % grid.columns) * grid.cellPx,
      Math.floor(cell / grid.columns) * grid.cellPx,
      grid.cellPx - gap,
      grid.cellPx - gap
    )
  }
  return grid
}

function sourceAt({ runs }: ChunkMap, chunk: number): number {
  let end = 0
  for (const [source, count] of runs) {
    end += count
    if (chunk < end) return source
  }
  return 0
}
