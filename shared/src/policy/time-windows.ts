/**
 * Delivery Optimization's time windows: five values that belong together. While the first is 1, the percentage `In` holds from the
 * hour `From` up to the hour `To` of each day, and `Out` outside. A window whose end is not after its start goes over midnight.
 */
import type { BytesPerSecond } from '../units.ts'
import { amountField, flagField } from './fields.ts'
import { strictest } from './hours.ts'

type Kind = 'Foreground' | 'Background'

const hour = { min: 0, max: 23, unit: 'the hour' }
const percent = { min: 0, max: 100, unit: '%' }
const nameOf = <K extends Kind>(kind: K) => `DOSetHoursToLimit${kind}DownloadBandwidth` as const

function shapeOf<K extends Kind>(kind: K, downloads: string) {
  const name = nameOf(kind)
  const share = (where: string) =>
    amountField(0, percent, {
      what: `The share of the WAN line that ${downloads} may take ${where} the window; 0: no limit`,
      why: 'As with the percentages without hours, 0 leaves it to the agent, which yields to other traffic by itself',
      stricter: 'lower-not-0'
    })
  return {
    [name]: flagField(0, {
      what: `Whether ${downloads} are limited to one share of the WAN line within hours of the day, and to another outside`,
      why:
        'hoursToLimit' +
        kind +
        'Download has days and absolute rates; these five are for estates that have them already'
    }),
    [`${name}From`]: amountField(null, hour, {
      what: `Local hour at which the window for ${downloads} begins`,
      why: 'There is no usual working day'
    }),
    [`${name}To`]: amountField(null, hour, {
      what: `Local hour at which the window for ${downloads} ends; not after its beginning: on the next day`,
      why: 'There is no usual working day'
    }),
    [`${name}In`]: share('within'),
    [`${name}Out`]: share('outside')
  } as Record<`${typeof name}${'' | 'From' | 'To' | 'In' | 'Out'}`, ReturnType<typeof amountField>>
}

export const timeWindowShape = {
  ...shapeOf('Foreground', 'downloads that somebody waits for'),
  ...shapeOf('Background', 'downloads in the background')
}

export type WindowValues = { readonly [Name in keyof typeof timeWindowShape]: number | null }

/**
 * The window as hours of the week, in the text that hours.ts reads.
 * @param lineBytesPerSecond null: nobody knows, and a share of the unknown is no limit
 * @param usual what holds anyway (0: no limit): a window only lowers it
 */
export function windowHours(
  kind: Kind,
  values: WindowValues,
  lineBytesPerSecond: BytesPerSecond | null,
  usual: BytesPerSecond
): string[] {
  const name = nameOf(kind)
  const [from, to] = [values[`${name}From`], values[`${name}To`]]
  if (values[name] !== 1 || from === null || to === null || lineBytesPerSecond === null) return []
  const rateOf = (share: number | null) =>
    strictest([usual, Math.round((lineBytesPerSecond * (share ?? 0)) / 100)])
  const within = `daily ${from}-${to} ${rateOf(values[`${name}In`])}`
  return from === to ? [within] : [within, `daily ${to}-${from} ${rateOf(values[`${name}Out`])}`]
}
