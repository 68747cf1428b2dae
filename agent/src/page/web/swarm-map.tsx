/**
 * A picture of who gives what to whom: this machine in the middle, the others round it, lines as thick as what moves. The table
 * beside it has the same in words, so a screen reader hears only how many there are.
 */
import { safeText, shortId } from '@starling/shared/web/names.ts'
import type { PeerDetail } from '../../views.ts'
import { useNarrow } from './use-narrow.ts'
import { useText } from './words.ts'

/** More are a crowd: those that move the most are drawn. */
const drawnMax = 24
const wide = { width: 720, height: 340, radiusX: 270, radiusY: 112 }
/** As many units as a phone has pixels, so that words keep their size. */
const tall = { width: 350, height: 400, radiusX: 122, radiusY: 140 }

export function SwarmMap(props: {
  readonly peers: readonly PeerDetail[]
  readonly self: string
  /** Bytes a second. */
  readonly fromOrigin: number
}) {
  const { t, format } = useText()
  const { width, height, radiusX, radiusY } = useNarrow() ? tall : wide
  const [middleX, middleY] = [width / 2, height / 2]
  const moved = (peer: PeerDetail) => peer.downBytesPerSecond + peer.upBytesPerSecond
  const drawn = props.peers
    .toSorted((one, other) => moved(other) - moved(one) || other.bytesFrom - one.bytesFrom)
    .slice(0, drawnMax)
    // Places that stay: by id and not by what moves just now.
    .toSorted((one, other) =>
      one.role === other.role ? (one.id < other.id ? -1 : 1) : one.role === 'gateway' ? -1 : 1
    )
  const nodes = [
    { key: 'origin', kind: 'origin', name: t('source.origin'), down: props.fromOrigin, up: 0 },
    ...drawn.map(peer => ({
      key: peer.id,
      kind: peer.role === 'gateway' ? 'gateway' : 'peers',
      name: peer.name === null ? shortId(peer.id) : safeText(peer.name),
      down: peer.downBytesPerSecond,
      up: peer.upBytesPerSecond
    }))
  ].map((node, index, all) => {
    // The origin is at the top.
    const angle = (2 * Math.PI * index) / all.length - Math.PI / 2
    return { ...node, x: middleX + radiusX * Math.cos(angle), y: middleY + radiusY * Math.sin(angle) }
  })
  return (
    <div class="swarm">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={t('peers.mapTold', { count: props.peers.length })}
      >
        {nodes.map(({ key, kind, x, y, down, up }) => (
          <g key={key}>
            <line class="idle" x1={x} y1={y} x2={middleX} y2={middleY} />
            {down > 0 && <Flow kind={kind} from={[x, y]} to={[middleX, middleY]} rate={down} />}
            {up > 0 && <Flow kind="given" from={[middleX, middleY]} to={[x, y]} rate={up} />}
          </g>
        ))}
        {nodes.map(({ key, kind, name, x, y, down, up }) => (
          <g key={key} class={`node ${kind}`} transform={`translate(${x} ${y})`}>
            {kind === 'peers' ? <circle r="17" /> : <rect x="-17" y="-17" width="34" height="34" rx="7" />}
            <text y={y > middleY ? 34 : -26}>{kind === 'gateway' ? t('source.gateway') : name}</text>
            {[
              ...(down > 0 ? [`↓ ${format.rate(down)}`] : []),
              ...(up > 0 ? [`↑ ${format.rate(up)}`] : [])
            ].map((text, line) => (
              <text key={line} class="rate" y={(y > middleY ? 50 : 34) + 15 * line}>
                {text}
              </text>
            ))}
          </g>
        ))}
        <g class="node self" transform={`translate(${middleX} ${middleY})`}>
          <circle r="26" />
          <text y="44">{t('why.thisMachine')}</text>
        </g>
      </svg>
      <ul class="chunk-legend">
        {(['peers', 'gateway', 'origin'] as const).map(kind => (
          <li key={kind}>
            <span class={`swatch ${kind}`} aria-hidden="true" /> {t(`source.${kind}`)}
          </li>
        ))}
        <li>
          <span class="swatch given" aria-hidden="true" /> {t('peers.mapGiven')}
        </li>
      </ul>
    </div>
  )
}

type Point = readonly [x: number, y: number]

/** Beside the middle line, so that both ways can be seen. Ten times the bytes are a little thicker, so that little is seen too. */
function Flow({ kind, from, to, rate }: { kind: string; from: Point; to: Point; rate: number }) {
  const thick = Math.min(13, Math.max(2, 1.5 + 2.8 * Math.log10(rate / 10_000)))
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]]
  const length = Math.hypot(dx, dy)
  const [sideX, sideY] = [(-dy / length) * 7, (dx / length) * 7]
  return (
    <line
      class={`flow ${kind}`}
      x1={from[0] + sideX}
      y1={from[1] + sideY}
      x2={to[0] + sideX}
      y2={to[1] + sideY}
      stroke-width={thick}
    />
  )
}
