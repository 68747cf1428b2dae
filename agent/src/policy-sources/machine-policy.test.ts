import { describe, expect, it, vi } from 'vitest'
import { registryFromText, type RegistryReader } from '../registry.ts'
import { createMachinePolicy, policyKeys, userKey } from './machine-policy.ts'

type Tree = Record<string, string | Error | undefined>

function policyOf(tree: Tree, hives: readonly string[] = [], isTold = false) {
  const read: RegistryReader = async path => {
    const lines = tree[path]
    if (lines instanceof Error) throw lines
    return lines === undefined
      ? null
      : registryFromText(
          `${path.replace('HKLM', 'HKEY_LOCAL_MACHINE').replace('HKU', 'HKEY_USERS')}\n${lines}`
        )
  }
  return createMachinePolicy(read, {
    isThisMachine: host => ['localhost', 'pc-7'].includes(host),
    isTold,
    users: async () =>
      (await Promise.all(hives.map(hive => read(`${hive}\\${userKey}`).catch(() => null)))).filter(
        keys => keys !== null
      )
  })
}
const asObject = (values: ReadonlyArray<{ name: string; value: unknown }>) =>
  Object.fromEntries(values.map(({ name, value }) => [name, value]))

const mode = (code: number) => `    DODownloadMode    REG_DWORD    0x${code.toString(16)}\n`
const honour = '    honourDeliveryOptimizationPolicies    REG_DWORD    0x1\n'

describe("the machine's policy", () => {
  it('is nothing where there is no key', async () => {
    expect(await policyOf({}).read()).toEqual({ values: [], users: [], problems: [] })
  })

  it("leaves Delivery Optimization's own values alone unless it is asked to honour them", async () => {
    const tree = { [policyKeys.groupPolicy]: mode(2) }
    expect((await policyOf(tree).read()).values).toEqual([])
    const honoured = await policyOf({ ...tree, [policyKeys.starling]: honour }).read()
    expect(asObject(honoured.values)).toEqual({ DODownloadMode: 2 })
    expect(honoured.values[0]!.place).toContain('Microsoft\\Windows\\DeliveryOptimization\\DODownloadMode')
  })

  it('has switches as DWORDs, as Group Policy writes them', async () => {
    const hive = 'HKU\\S-1-5-21-1'
    const { values, users } = await policyOf(
      {
        [policyKeys.starling]:
          '    uploadOnMetered    REG_DWORD    0x1\n    CACHEHOSTENABLED    REG_DWORD    0x1\n    uploadSlots    REG_DWORD    0x1\n    interceptEnabled    REG_SZ    off\n',
        [`${hive}\\SOFTWARE\\Policies\\Starling`]: '    uploadOnMetered    REG_DWORD    0x0\n'
      },
      [hive]
    ).read()
    expect(asObject(values)).toEqual({
      uploadOnMetered: true,
      cacheHostEnabled: true,
      uploadSlots: 1,
      interceptEnabled: 'off'
    })
    expect(asObject(users)).toEqual({ uploadOnMetered: false })
  })

  it("is Starling's before Group Policy's before MDM's", async () => {
    const all = {
      [policyKeys.mdm]: mode(3),
      [policyKeys.groupPolicy]: mode(2),
      [policyKeys.starling]: honour + mode(1)
    }
    const modeOf = async (tree: Tree) => asObject((await policyOf(tree).read()).values)['DODownloadMode']
    expect(await modeOf(all)).toBe(1)
    expect(await modeOf({ ...all, [policyKeys.starling]: honour })).toBe(2)
    expect(await modeOf({ ...all, [policyKeys.starling]: honour, [policyKeys.groupPolicy]: undefined })).toBe(
      3
    )
  })

  it('never makes this machine its own cache host, which is what Windows is told where it asks us', async () => {
    const hosts = async (text: string) =>
      asObject(
        (
          await policyOf({
            [policyKeys.starling]: honour,
            [policyKeys.groupPolicy]: `    DOCacheHost    REG_SZ    ${text}`
          }).read()
        ).values
      )['DOCacheHost']
    expect(await hosts('localhost,gw.example')).toEqual(['gw.example'])
    expect(await hosts('localhost, pc-7')).toBeUndefined()
  })

  it("has its users' wishes beside it, as far as they can be read", async () => {
    const key = (sid: string) => `HKU\\${sid}\\SOFTWARE\\Policies\\Starling`
    const slots = (count: number) => `    uploadSlots    REG_DWORD    0x${count}\n`
    const tree = {
      [key('anna')]: slots(2),
      [key('bert')]: new Error('access denied'),
      [key('carl')]: slots(3)
    }
    const policy = policyOf(tree, ['HKU\\anna', 'HKU\\bert', 'HKU\\carl', 'HKU\\dora'])
    expect(await policy.read()).toMatchObject({
      values: [],
      users: [
        { name: 'uploadSlots', value: 2 },
        { name: 'uploadSlots', value: 3 }
      ],
      problems: []
    })
  })

  it('stays as it was when it cannot be read, and says so', async () => {
    const tree: Tree = { [policyKeys.starling]: mode(0) }
    const policy = policyOf(tree)
    await policy.read()
    tree[policyKeys.starling] = new Error('access denied')
    expect(await policy.read()).toMatchObject({
      values: [{ name: 'DODownloadMode', value: 0 }],
      problems: ['access denied']
    })
  })

  it('is told when it has changed, and not when it has not', async () => {
    vi.useFakeTimers()
    try {
      const tree: Tree = { [policyKeys.starling]: mode(0) }
      const policy = policyOf(tree)
      await policy.read()
      const changed = vi.fn<() => void>()
      const stop = policy.watch(changed)
      await vi.advanceTimersByTimeAsync(30_000)
      expect(changed).not.toHaveBeenCalled()
      tree[policyKeys.starling] = mode(1)
      await vi.advanceTimersByTimeAsync(30_000)
      expect(changed).toHaveBeenCalledTimes(1)
      stop()
      tree[policyKeys.starling] = mode(2)
      await vi.advanceTimersByTimeAsync(90_000)
      expect(changed).toHaveBeenCalledTimes(1)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is read when somebody has seen it change, also before anybody wanted to know, and seldom otherwise', async () => {
    vi.useFakeTimers()
    try {
      const tree: Tree = { [policyKeys.starling]: mode(0) }
      const policy = policyOf(tree, [], true)
      await policy.read()
      tree[policyKeys.starling] = mode(1)
      policy.look()
      const changed = vi.fn<() => void>()
      const stop = policy.watch(changed)
      await vi.advanceTimersByTimeAsync(0)
      expect(changed).toHaveBeenCalledTimes(1)
      tree[policyKeys.starling] = mode(2)
      await vi.advanceTimersByTimeAsync(60_000)
      expect(changed).toHaveBeenCalledTimes(1)
      policy.look()
      policy.look()
      await vi.advanceTimersByTimeAsync(0)
      expect(changed).toHaveBeenCalledTimes(2)
      tree[policyKeys.starling] = mode(3)
      await vi.advanceTimersByTimeAsync(10 * 60_000)
      expect(changed).toHaveBeenCalledTimes(3)
      stop()
      policy.look()
      await vi.advanceTimersByTimeAsync(0)
      expect(changed).toHaveBeenCalledTimes(3)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is not read again as long as nobody has seen it change, where changes are told', async () => {
    const valuesAfterChange = async (isTold: boolean, change: (look: () => void) => void) => {
      const tree: Tree = { [policyKeys.starling]: mode(0) }
      const policy = policyOf(tree, [], isTold)
      await policy.read()
      tree[policyKeys.starling] = mode(1)
      change(() => policy.look())
      return asObject((await policy.read()).values)
    }
    expect(await valuesAfterChange(true, () => {})).toEqual({ DODownloadMode: 0 })
    expect(await valuesAfterChange(true, look => look())).toEqual({ DODownloadMode: 1 })
    expect(await valuesAfterChange(false, () => {})).toEqual({ DODownloadMode: 1 })
  })

  it('that could not be read is tried again', async () => {
    const tree: Tree = { [policyKeys.starling]: new Error('access denied') }
    const policy = policyOf(tree, [], true)
    await policy.read()
    tree[policyKeys.starling] = mode(1)
    expect(asObject((await policy.read()).values)).toEqual({ DODownloadMode: 1 })
  })

  it('that was told to have changed is read to the end before it is given', async () => {
    const tree: Tree = { [policyKeys.starling]: mode(0) }
    const policy = policyOf(tree, [], true)
    await policy.read()
    const stop = policy.watch(() => {})
    tree[policyKeys.starling] = mode(1)
    policy.look()
    // As when an agent is made anew by what it has just heard.
    stop()
    expect(asObject((await policy.read()).values)).toEqual({ DODownloadMode: 1 })
  })

  it("keeps users' wishes that cannot be read any more, and says so", async () => {
    let isBroken = false
    const policy = createMachinePolicy(async () => null, {
      isThisMachine: () => false,
      users: async () => {
        if (isBroken) throw new Error('no answer within 10 s')
        return [registryFromText(`HKEY_USERS\\a\\${userKey}\n    uploadSlots    REG_DWORD    0x2`)]
      }
    })
    await policy.read()
    isBroken = true
    expect(await policy.read()).toMatchObject({
      users: [{ name: 'uploadSlots', value: 2 }],
      problems: ['no answer within 10 s']
    })
  })
})
