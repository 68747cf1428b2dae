/**
 * The policy that this machine's admin enforces in the registry: ours first, then, if asked for, what Delivery Optimization is told by
 * Group Policy and by MDM. The service host tells when one of these keys changes; without it they are read every half minute, since there is
 * nothing to be notified by without native code. What could not be read stays as it was, for a policy must not vanish because a program failed.
 */
import { messageOf } from '@starling/shared/errors.ts'
import { machineField, machineFields, type MachineName } from '@starling/shared/policy/machine-only.ts'
import { policyField, policyFields } from '@starling/shared/policy/policy.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { isDeepStrictEqual } from 'node:util'
import type { MachinePolicy, MachinePolicyPort, SourcedValue } from '../ports.ts'
import type { RegistryKey, RegistryReader } from '../registry.ts'
import { valuesFrom } from './registry-values.ts'

export const policyKeys = {
  starling: 'HKLM\\SOFTWARE\\Policies\\Starling',
  groupPolicy: 'HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization',
  mdm: 'HKLM\\SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\DeliveryOptimization'
} as const
/** Below the hive of a user. */
export const userKey = 'SOFTWARE\\Policies\\Starling'

/** In our key: whether the other two count. */
const honourName = 'honourDeliveryOptimizationPolicies' satisfies MachineName

const lookEveryMs: Millis = 30 * secondMs
/** With a host that tells: for users' wishes, which it does not watch. */
const lookWhenToldEveryMs: Millis = 10 * minuteMs

const ours = policyFields.map(({ name }) => name)
const onlyHere = machineFields.map(({ name }) => name)
const theirs = policyFields.filter(({ from }) => from === 'delivery-optimization').map(({ name }) => name)

export function createMachinePolicy(
  readRegistry: RegistryReader,
  {
    isThisMachine,
    isTold = false,
    users = async () => []
  }: {
    readonly isThisMachine: (host: string) => boolean
    /** Whether somebody calls `look` when the policy of the machine changes. */
    readonly isTold?: boolean
    /** Our policy key of each user who is signed in, as far as it can be read. */
    readonly users?: () => Promise<ReadonlyArray<readonly RegistryKey[]>>
  }
): MachinePolicyPort {
  /** By key, as it was read last. */
  const known = new Map<string, readonly SourcedValue[]>()
  let problems: string[] = []

  async function valuesOf(key: string, names: readonly string[]): Promise<readonly SourcedValue[]> {
    try {
      const keys = await readRegistry(key)
      known.set(key, keys === null ? [] : valuesFrom(keys, names).map(switched))
    } catch (error) {
      problems.push(messageOf(error))
    }
    return known.get(key) ?? []
  }

  /** Of Microsoft's values: those that are policies of ours, too, and never that this machine is its own cache host. */
  function taken(values: readonly SourcedValue[]): readonly SourcedValue[] {
    return values
      .filter(({ name }) => (theirs as readonly string[]).includes(name))
      .flatMap(one => {
        if (one.name !== 'DOCacheHost') return [one]
        const hosts = hostsOf(one.value).filter(host => !isThisMachine(host))
        return hosts.length === 0 ? [] : [{ ...one, value: hosts }]
      })
  }

  let wished: readonly SourcedValue[] = []
  async function wishes(): Promise<readonly SourcedValue[]> {
    try {
      wished = (await users()).flatMap(keys => valuesFrom(keys, ours).map(switched))
    } catch (error) {
      problems.push(messageOf(error))
    }
    return wished
  }

  async function read(): Promise<MachinePolicy> {
    problems = []
    const [wanted, own] = await Promise.all([wishes(), valuesOf(policyKeys.starling, [...ours, ...onlyHere])])
    const honour = own.findLast(({ name }) => name === honourName)
    const values = own.filter(one => one !== honour)
    if (!isOn(honour?.value)) return { values, users: wanted, problems }
    const [mdm, groupPolicy] = (
      await Promise.all([valuesOf(policyKeys.mdm, theirs), valuesOf(policyKeys.groupPolicy, theirs)])
    ).map(taken) as [readonly SourcedValue[], readonly SourcedValue[]]
    const names = (list: readonly SourcedValue[]) => new Set(list.map(({ name }) => name))
    const [ownNames, groupNames] = [names(values), names(groupPolicy)]
    return {
      values: [
        ...mdm.filter(({ name }) => !groupNames.has(name) && !ownNames.has(name)),
        ...groupPolicy.filter(({ name }) => !ownNames.has(name)),
        ...values
      ],
      users: wanted,
      problems
    }
  }

  let last: MachinePolicy | null = null
  let reading: Promise<MachinePolicy> | null = null
  const readAndKeep = async (): Promise<MachinePolicy> => (last = await read())

  const watching = new Set<() => void>()
  /** Somebody was told before anybody watched: what was read at the start may be what was before. */
  let isLookDue = false
  /** One look after another, so that each change is told once. */
  let turn: Promise<void> = Promise.resolve()

  return {
    // Nothing has changed that nobody was told of: starting programs for it would hold up everything else.
    async read() {
      if (!isTold || isLookDue) return await readAndKeep()
      // Somebody was told of a change, and it is being read.
      await turn
      if (last !== null && last.problems.length === 0) return last
      reading ??= readAndKeep().finally(() => {
        reading = null
      })
      return await reading
    },
    watch(changed) {
      const look = (): void => {
        turn = turn.then(async () => {
          const before = last
          const now = await readAndKeep()
          if (watching.has(look) && !isDeepStrictEqual(now, before)) changed()
        })
      }
      const timer = setInterval(look, isTold ? lookWhenToldEveryMs : lookEveryMs)
      timer.unref()
      watching.add(look)
      if (isLookDue) look()
      isLookDue = false
      return () => {
        clearInterval(timer)
        watching.delete(look)
      }
    },
    look() {
      isLookDue = watching.size === 0
      for (const look of watching) look()
    }
  }
}

/** A switch is a DWORD of 0 or 1, as everywhere in Group Policy; our own switches are true or false elsewhere. */
function switched(one: SourcedValue): SourcedValue {
  const isSwitch = typeof (policyField(one.name) ?? machineField(one.name))?.byDefault === 'boolean'
  return isSwitch && (one.value === 0 || one.value === 1) ? { ...one, value: one.value === 1 } : one
}

function hostsOf(value: unknown): readonly string[] {
  const list = Array.isArray(value) ? value.map(String) : String(value).split(',')
  return list.map(host => host.trim()).filter(host => host !== '')
}

const isOn = (value: unknown): boolean => value === true || /^(1|on|yes|true)$/i.test(String(value))
