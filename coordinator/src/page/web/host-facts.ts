/** What a machine tells of itself, in words and units. A fact that this page does not know shows as it came. */
import type { Format } from '@starling/shared/web/format.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { useText, type Key } from './words.ts'

type Fact = string | number | boolean | null

/** In this order; the rest follows as it came. The host's name is the title. */
const order = [
  'platform',
  'ramBytes',
  'diskBytes',
  'diskFreeBytes',
  'wifi',
  'vpn',
  'metered',
  'onBattery',
  'batteryPercent',
  'subnets',
  'adapters',
  'peers',
  'dialled',
  'multicast',
  'unreached',
  'wanBytesPerSecond',
  'lanBytesPerSecond',
  'lineBytesPerSecond',
  'clockOffsetMs',
  'waitsForRestart'
]

/** As Node calls them. */
const systems = new Map([
  ['win32', 'Windows'],
  ['linux', 'Linux'],
  ['darwin', 'macOS']
])

export function useHostFacts(
  host: Readonly<Record<string, Fact>>
): ReadonlyArray<readonly [name: string, value: string]> {
  const { t, format } = useText()
  return Object.entries(host)
    .filter(([name, value]) => name !== 'hostName' && value !== '' && value !== null)
    .toSorted(([one], [other]) => rank(one) - rank(other))
    .map(([name, value]) => {
      const key = `host.${name}`
      const words = t(key as Key)
      const said =
        typeof value === 'boolean' ? t(value ? 'host.yes' : 'host.no') : written(name, value, format)
      return [words === key ? safeText(name) : words, said] as const
    })
}

function rank(name: string): number {
  const at = order.indexOf(name)
  return at < 0 ? order.length : at
}

/** Units stand last in a name. */
function written(name: string, value: Exclude<Fact, boolean>, format: Format): string {
  if (name === 'platform') return systems.get(String(value)) ?? safeText(String(value))
  if (typeof value !== 'number') return safeText(String(value)).replaceAll(',', ', ')
  if (name.endsWith('BytesPerSecond')) return format.rate(value)
  if (name.endsWith('Bytes')) return format.bytes(value)
  if (name.endsWith('Ms')) return `${value < 0 ? '−' : ''}${format.span(Math.abs(value))}`
  if (name.endsWith('Percent')) return format.share(value, 100)
  return format.count(value)
}
