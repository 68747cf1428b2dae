/**
 * What Windows says of this machine: one run of the service host asks for all of it (`starling-service.exe machine`, installer/windows/host/machine.h),
 * with Windows' own functions and in a few milliseconds. PowerShell, which could tell the same, costs a second of a core each time.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import { hostKeysSchema, keysFromHost } from '../registry-host.ts'
import type { ProgramRun } from '../run-program.ts'
import { batteryFrom, powerSchema, type Battery } from './battery.ts'
import type { Directory } from './facts.ts'
import { printed } from '../printed.ts'
import { adSiteFrom, dhcpAnswersFrom, dnsSuffixFrom, entraTenantFrom } from './windows-directory.ts'
import { adapterSchema, networksFrom, type Networks } from './windows-network.ts'

export interface WindowsMachine {
  /** Null: Windows does not say. */
  readonly battery: Battery | null
  readonly networks: Networks | null
  readonly directory: Directory
  /** As the firmware has it, which may be nobody's own. */
  readonly uuid: string | null
}

/** It takes milliseconds; a machine that has just booted has other things to do. */
const answerMsMax: Millis = 20 * secondMs

const keysSchema = hostKeysSchema.nullable()

const machineSchema = z.object({
  power: powerSchema.nullable(),
  cost: z.number().nullable(),
  adapters: z.array(adapterSchema).nullable(),
  domainSid: z.string().nullable(),
  uuid: z.string().nullable(),
  netlogon: keysSchema,
  tcpip: keysSchema,
  entra: keysSchema
})

/** @param host the full path of starling-service.exe @throws StarlingError `machine-unreadable` */
export async function readWindowsMachine(run: ProgramRun, host: string): Promise<WindowsMachine> {
  const { exitCode, output } = await run(host, ['machine'], answerMsMax)
  const machine = exitCode === 0 ? machineFromJson(output) : null
  if (machine !== null) return machine
  const why =
    exitCode === null ? `gave no answer within ${answerMsMax / secondMs} s` : `ended with ${exitCode}`
  throw new StarlingError('machine-unreadable', `${host} machine ${why}`)
}

/** @returns null for what is no such answer */
export function machineFromJson(text: string): WindowsMachine | null {
  const answer = printed(text, machineSchema)
  if (answer === null) return null
  const { power, cost, adapters, domainSid, uuid } = answer
  const tcpip = keysFromHost(answer.tcpip ?? [])
  const networks = adapters === null ? null : networksFrom(adapters, cost)
  const waysOut = (networks?.adapters ?? []).filter(({ isWayOut }) => isWayOut).map(({ id }) => id)
  return {
    battery: power === null ? null : batteryFrom(power),
    networks,
    directory: {
      adSite: adSiteFrom(keysFromHost(answer.netlogon ?? [])),
      dnsSuffix: dnsSuffixFrom(tcpip),
      domainSid,
      tenantId: entraTenantFrom(keysFromHost(answer.entra ?? [])),
      dhcp: dhcpAnswersFrom(tcpip, waysOut)
    },
    uuid
  }
}
