/**
 * Numbers as people read them, in their locale. Made once for a locale, because Intl's formats are slow to make.
 */

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const
const minuteS = 60
const hourS = 60 * minuteS
const dayS = 24 * hourS

export interface Format {
  /** Three digits at the most: `1.23 GiB`, `45.6 MiB`, `789 KiB`. */
  readonly bytes: (bytes: number) => string
  /** `45.6 MiB/s` */
  readonly rate: (bytesPerSecond: number) => string
  /** The two largest units: `3 hr 12 min`. */
  readonly span: (ms: number) => string
  /** `5 min ago`, from a time to now. */
  readonly ago: (ms: number) => string
  /** Neither "100 %" while something is missing nor "0 %" while there is something. */
  readonly share: (part: number, whole: number) => string
  readonly count: (value: number) => string
  /** Two digits after the point: `1.04`. */
  readonly decimal: (value: number) => string
  /** A day and a time of day. */
  readonly at: (ms: number) => string
  readonly day: (ms: number) => string
}

export function createFormat(locale: string): Format {
  const fixed = [0, 1, 2].map(
    digits => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
  )
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 })
  const counts = new Intl.NumberFormat(locale)
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' })
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'short', timeStyle: 'medium' })
  const days = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' })
  const units = Object.fromEntries(
    (['second', 'minute', 'hour', 'day'] as const).map(unit => [
      unit,
      new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 0 })
    ])
  ) as Readonly<Record<'second' | 'minute' | 'hour' | 'day', Intl.NumberFormat>>

  function bytes(value: number): string {
    let amount = Math.max(0, value)
    let unit = 0
    while (amount >= 999.5 && unit < byteUnits.length - 1) {
      amount /= 1024
      unit++
    }
    const digits = unit === 0 || amount >= 99.95 ? 0 : amount >= 9.995 ? 1 : 2
    return `${fixed[digits]?.format(amount) ?? ''} ${byteUnits[unit] ?? ''}`
  }

  return {
    bytes,
    rate: value => `${bytes(value)}/s`,
    span(ms) {
      const seconds = Math.max(0, Math.round(ms / 1000))
      const pair = (large: keyof typeof units, small: keyof typeof units, largeS: number, smallS: number) => {
        const rest = Math.floor((seconds % largeS) / smallS)
        const first = units[large].format(Math.floor(seconds / largeS))
        return rest === 0 ? first : `${first} ${units[small].format(rest)}`
      }
      if (seconds < minuteS) return units.second.format(seconds)
      if (seconds < hourS) return pair('minute', 'second', minuteS, 1)
      if (seconds < 2 * dayS) return pair('hour', 'minute', hourS, minuteS)
      return pair('day', 'hour', dayS, hourS)
    },
    ago(ms) {
      const seconds = Math.round(ms / 1000)
      if (seconds < 5) return relative.format(0, 'second')
      if (seconds < minuteS) return relative.format(-seconds, 'second')
      if (seconds < hourS) return relative.format(-Math.floor(seconds / minuteS), 'minute')
      if (seconds < 2 * dayS) return relative.format(-Math.floor(seconds / hourS), 'hour')
      return relative.format(-Math.floor(seconds / dayS), 'day')
    },
    share(part, whole) {
      if (whole <= 0) return percent.format(0)
      const share = part / whole
      if (part < whole && share >= 0.995) return `> ${percent.format(0.99)}`
      if (part > 0 && share < 0.005) return `< ${percent.format(0.01)}`
      return percent.format(share)
    },
    count: value => counts.format(value),
    decimal: value => fixed[2]?.format(value) ?? '',
    at: ms => moment.format(ms),
    day: ms => days.format(ms)
  }
}
