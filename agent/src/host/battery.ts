/**
 * Whether this machine lives on its battery. On Windows one line of PowerShell asks for what GetSystemPowerStatus knows; elsewhere
 * systeminformation reads it. (On Windows that library starts three PowerShells a time, which is a lot for a laptop on its battery; and its list of
 * network interfaces holds up the whole process, for 0.9 s where it was measured. So no more of it is used.)
 */
import { z } from 'zod'
import { printed } from './printed.ts'

export interface Battery {
  readonly isPresent: boolean
  readonly onBattery: boolean
  /** Null: not known. */
  readonly percent: number | null
}

export const noBattery: Battery = { isPresent: false, onBattery: false, percent: null }

export const powerScript = `
Add-Type -AssemblyName System.Windows.Forms
$power = [Windows.Forms.SystemInformation]::PowerStatus
@{ line = "$($power.PowerLineStatus)"; charge = [int]$power.BatteryChargeStatus; share = $power.BatteryLifePercent } | ConvertTo-Json -Compress
`

const answerShape = z.object({ line: z.string(), charge: z.number(), share: z.number() })
/** BatteryChargeStatus, learn.microsoft.com/dotnet/api/system.windows.forms.batterychargestatus: flags. */
const noSystemBattery = 128
const unknownCharge = 255

/** @returns null for what is no such answer */
export function batteryFromJson(text: string): Battery | null {
  const answer = printed(text, answerShape)
  if (answer === null) return null
  const { line, charge, share } = answer
  if (charge !== unknownCharge && (charge & noSystemBattery) !== 0) return noBattery
  return {
    isPresent: true,
    onBattery: line === 'Offline',
    // 255 % is how it says that it does not know.
    percent: share >= 0 && share <= 1 ? Math.round(share * 100) : null
  }
}
