/** Whether this machine lives on its battery, as Windows' GetSystemPowerStatus tells it; elsewhere systeminformation reads it (systems.ts). */
import { z } from 'zod'

export interface Battery {
  readonly isPresent: boolean
  readonly onBattery: boolean
  /** Null: not known. */
  readonly percent: number | null
}

export const noBattery: Battery = { isPresent: false, onBattery: false, percent: null }

/** learn.microsoft.com/windows/win32/api/winbase/ns-winbase-system_power_status */
export const powerSchema = z.object({ line: z.number(), flags: z.number(), percent: z.number() })

const offline = 0
const noSystemBattery = 128
/** Of the flags and of the percentage. */
const unknown = 255

export function batteryFrom({ line, flags, percent }: z.infer<typeof powerSchema>): Battery {
  if (flags !== unknown && (flags & noSystemBattery) !== 0) return noBattery
  return { isPresent: true, onBattery: line === offline, percent: percent <= 100 ? percent : null }
}
