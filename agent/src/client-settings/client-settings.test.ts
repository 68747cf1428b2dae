import { describe, expect, it } from 'vitest'
import {
  connectionBytes,
  createWindowsPrograms,
  systemProxyAt,
  winHttp32At,
  winHttpAt,
  winHttpBytes,
  type WindowsPrograms
} from '../../../test/doubles/windows-programs.ts'
import type { ClientChange, ClientItem, ClientLevel, ClientResult, ServingAgent } from '../ports.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { userHives } from '../registry.ts'
import { strayClients } from './astray.ts'
import type { Answer } from './checks.ts'
import { createClientSettings } from './client-settings.ts'
import type { GoAccess } from './go-access.ts'
import { groupPolicyFrom, type GroupPolicy } from './group-policy.ts'
import { createJournalFile, journalFrom, type JournalFile } from './journal.ts'
import { createPlaceAccess } from './place-access.ts'
import { winHttpFrom } from './proxy-records.ts'
import { createRegistryAccess } from './registry-access.ts'
import { text, textOf, type Stored } from './stored.ts'

const agent: ServingAgent = {
  host: '127.0.0.1',
  port: 17_831,
  cacheHost: { enabled: true, host: '127.0.0.1', port: 80 },
  wsus: 'http://wsus.corp.example:8530',
  goMirrors: [{ name: 'go', private: [] }],
  upstreamProxies: ['proxy.corp.example:3128']
}
const doKey = 'HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization'
const internet = 'SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings'
const pac: Answer = { status: 200, starling: 'own; script', body: 'function FindProxyForURL(url, host) {' }
const own = (status: number, body = ''): Answer => ({ status, starling: 'own', body })

interface World {
  readonly windows: WindowsPrograms
  readonly file: { text: string | null; closed?: boolean }
  readonly ofUser: { text: string | null }
  /** What the go command keeps. */
  readonly go: Map<string, Stored>
  answer: (url: string) => Answer | Error
  policy: GroupPolicy
  readonly told: ClientChange[]
  apply(
    item: ClientItem,
    options?: Options
  ): Promise<{ changes: readonly ClientChange[]; notes: readonly string[] }>
  undo(item?: ClientItem | null, level?: ClientLevel): Promise<readonly ClientResult[]>
  list(): ReturnType<ReturnType<typeof createClientSettings>['list']>
}
interface Options {
  readonly agent?: Partial<ServingAgent>
  readonly level?: ClientLevel
  readonly dryRun?: boolean
}

function open(values: Readonly<Record<string, string>> = {}, file: World['file'] = { text: null }): World {
  const windows = createWindowsPrograms(values)
  const world: World = {
    windows,
    file,
    ofUser: { text: null },
    go: new Map(),
    answer: url => (url.endsWith('/proxy.pac') ? pac : own(200)),
    policy: { at: () => undefined },
    told: [],
    apply: (item, { agent: part, level, dryRun = false } = {}) =>
      settings.apply(
        item,
        level ?? null,
        { ...agent, ...part },
        { dryRun, tell: change => world.told.push(change) }
      ),
    undo: (item = null, level) =>
      settings.undo(item, level ?? null, { dryRun: false, tell: change => world.told.push(change) }),
    list: () => settings.list(agent)
  }
  const journalOf = (kept: World['file']) =>
    createJournalFile(
      'client-settings.json',
      {
        async read(path) {
          if (path.endsWith('.lock')) return Buffer.from(JSON.stringify({ pid: 2, at: 0 }))
          if (kept.closed === true)
            throw new StarlingError('secret-file-unreadable', 'client-settings.json cannot be read (EPERM)')
          return kept.text === null ? null : Buffer.from(kept.text)
        },
        write: async (_, text) => {
          kept.text = text
        },
        async create() {
          if (locked.has(kept)) return false
          locked.add(kept)
          return true
        },
        async remove(path) {
          if (path.endsWith('.lock')) locked.delete(kept)
          else kept.text = null
        }
      },
      {
        pid: 1,
        isAlive: () => true,
        now: () => 0,
        pause: () => new Promise(resolve => setImmediate(resolve))
      }
    )
  const settings = createClientSettings({
    platform: 'win32',
    user: 'alice',
    places: createPlaceAccess({
      run: windows.run,
      registry: createRegistryAccess(windows.run, 'C:\\reg.exe'),
      go: goIn(world.go),
      env: {},
      program: name => `C:\\${name}`
    }),
    journals: { machine: journalOf(file), user: journalOf(world.ofUser) },
    groupPolicy: async () => world.policy,
    userHives: () => userHives(windows.run, 'C:\\reg.exe'),
    ask: async url => {
      const answer = world.answer(url)
      if (answer instanceof Error) throw answer
      return answer
    }
  })
  return world
}

const goIn = (kept: Map<string, Stored>): GoAccess => ({
  read: async name => kept.get(name) ?? null,
  async write(name, value) {
    if (value === null) kept.delete(name)
    else kept.set(name, value)
  }
})

/** Journals that a process is at. */
const locked = new WeakSet<object>()

const all = ({ windows }: World): Record<string, string> => Object.fromEntries(windows.values)
/** As the registry of a machine that was in use. */
const used = {
  [`${doKey}\\DODownloadMode`]: 'REG_DWORD 0x1',
  [`${doKey}\\DOCacheHost`]: 'REG_SZ old.corp.example',
  [winHttpAt]: `REG_BINARY ${winHttpBytes(3, 1)}`,
  [`${systemProxyAt}\\ProxyEnable`]: 'REG_DWORD 0x0',
  [`${systemProxyAt}\\Connections\\DefaultConnectionSettings`]: `REG_BINARY ${connectionBytes(4, 9)}`,
  [`HKLM\\${internet}\\Connections\\DefaultConnectionSettings`]: `REG_BINARY ${connectionBytes(5, 1)}`,
  [`HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\WUServer`]:
    'REG_SZ https://wsus.corp.example:8531',
  [`HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU\\UseWUServer`]: 'REG_DWORD 0x1',
  'HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Domain': 'REG_SZ corp.example'
}
const ofMachine = ['delivery-optimization', 'wsus', 'winhttp', 'bits', 'pac'] as const

describe('an item on Windows', () => {
  it.each([
    ['a machine that was in use', used, false],
    ['a fresh machine', {}, false],
    ['one whose netsh also sets what 32-bit programs read', {}, true]
  ])(
    '%s: is applied, applied again without a change, and put back to the bit',
    async (_, values, writesBoth) => {
      for (const item of ofMachine) {
        const world = open(values)
        world.windows.writesBoth = writesBoth
        const before = all(world)
        const { changes } = await world.apply(item)
        expect(changes.length, item).toBeGreaterThan(0)
        expect(world.told, item).toEqual(changes)
        expect(all(world), item).not.toEqual(before)
        const [made, kept] = [world.windows.changes.length, world.file.text]
        expect((await world.apply(item)).changes, item).toEqual([])
        expect([world.windows.changes.length, world.file.text], item).toEqual([made, kept])
        expect(
          (await world.list()).find(one => one.item === item && one.level === 'machine'),
          item
        ).toMatchObject({
          state: 'applied',
          refusal: null
        })
        await world.undo(item)
        expect(all(world), item).toEqual(before)
        expect(world.file.text, item).toBeNull()
        expect(await world.undo(item), item).toEqual([])
      }
    }
  )

  it('all of them are put back together', async () => {
    const world = open(used)
    const before = all(world)
    for (const item of ofMachine) await world.apply(item)
    expect((await world.undo()).length).toBe(ofMachine.length)
    expect(all(world)).toEqual(before)
  })

  it('changes nothing in a dry run, and tells what it would', async () => {
    const world = open(used)
    const before = all(world)
    const { changes } = await world.apply('delivery-optimization', { dryRun: true })
    expect(changes).toEqual([
      { place: `${doKey}\\DOCacheHost`, from: 'old.corp.example', to: '127.0.0.1,old.corp.example' },
      { place: `${doKey}\\DOCacheHostSource`, from: '(not set)', to: '0' }
    ])
    expect([all(world), world.windows.changes, world.file.text]).toEqual([before, [], null])
  })

  it('is put back as a whole when one of its changes fails', async () => {
    for (const [item, at] of [
      ['delivery-optimization', 'DOCacheHostSource'],
      ['pac', 'SavedLegacySettings'],
      ['winhttp', 'netsh'],
      ['bits', 'AUTOSCRIPT']
    ] as const) {
      const world = open(used)
      const before = all(world)
      world.windows.failAt = at
      await expect(world.apply(item), item).rejects.toThrow(/administrator; .* is as it was before/)
      expect(all(world), item).toEqual(before)
      expect(world.file.text, item).toBeNull()
    }
  })

  it('is put back when the agent does not answer there, or another program does', async () => {
    for (const [answer, why] of [
      [new Error('connect ECONNREFUSED'), /ECONNREFUSED/],
      [{ status: 404, starling: null, body: 'IIS' }, /another program answers there, with 404/],
      [{ ...pac, starling: null }, /another program answers there, with 200/],
      // Behind a proxy that an agent is beyond of.
      [{ ...pac, starling: 'pass; reason=x' }, /another program answers there/],
      [{ ...pac, status: 404 }, /another program answers there, with 404/]
    ] as const)
      for (const item of ofMachine) {
        const world = open(used)
        const before = all(world)
        world.answer = () => answer
        await expect(world.apply(item), item).rejects.toThrow(why)
        expect(all(world), item).toEqual(before)
      }
  })

  it('is put back when a program says that it has made a change, and has not', async () => {
    for (const [item, deafTo] of [
      ['winhttp', 'netsh'],
      ['bits', 'AUTOSCRIPT'],
      ['pac', 'AutoConfigURL']
    ] as const) {
      const world = open(used)
      const before = all(world)
      world.windows.deafTo = deafTo
      await expect(world.apply(item), item).rejects.toThrow(
        /although it was set to .*; .* is as it was before/
      )
      expect(all(world), item).toEqual(before)
    }
  })

  it('that cannot be put back keeps no other from it, and can be tried again', async () => {
    const world = open(used)
    const before = all(world)
    await world.apply('delivery-optimization')
    await world.apply('wsus')
    world.windows.failAt = 'DOCacheHostSource'
    await expect(world.undo()).rejects.toThrow(
      /not everything was put back: delivery-optimization: .*administrator/
    )
    expect(Object.keys(JSON.parse(world.file.text!).items)).toEqual(['delivery-optimization@machine'])
    await world.undo()
    expect(all(world)).toEqual(before)
  })

  it('that is applied stays when the agent is found stopped later, and is said not to be served', async () => {
    const world = open(used)
    await world.apply('wsus')
    const applied = all(world)
    world.answer = () => new Error('connect ECONNREFUSED')
    expect((await world.apply('wsus')).notes.at(-1)).toMatch(
      /applied already, but .*ECONNREFUSED.*--undo wsus/
    )
    expect(all(world)).toEqual(applied)
  })

  it('outlives a process that ends between any two changes', async () => {
    for (const item of ofMachine) {
      const whole = open(used)
      await whole.apply(item)
      for (let made = 0; made < whole.windows.changes.length; made++) {
        const dying = open(used)
        const before = all(dying)
        dying.windows.stopAfter = made
        void dying.apply(item)
        await dying.windows.stopped
        const next = open(all(dying), { ...dying.file })
        await next.undo()
        expect(all(next), `${item} after ${made} changes`).toEqual(before)
        // Or it is gone on with, and what was there first is still known.
        const other = open(all(dying), { ...dying.file })
        await other.apply(item)
        await other.undo()
        expect(all(other), `${item} after ${made} changes and again`).toEqual(before)
      }
    }
  })

  it('is put back to what was there before it was first applied, when it was applied again for another port', async () => {
    for (const item of ['wsus', 'winhttp', 'bits', 'pac'] as const) {
      const world = open(used)
      const before = all(world)
      await world.apply(item)
      const { changes } = await world.apply(item, { agent: { port: 8888 } })
      expect(changes.length, item).toBeGreaterThan(0)
      await world.undo(item)
      expect(all(world), item).toEqual(before)
    }
  })
})

describe('two processes', () => {
  it("lose none of each other's notes", async () => {
    const file: World['file'] = { text: null }
    const [one, other] = [open(used, file), open(used, file)]
    await Promise.all([one.apply('delivery-optimization'), other.apply('wsus')])
    expect(Object.keys(journalFrom(Buffer.from(file.text!), 'x')).toSorted()).toEqual([
      'delivery-optimization@machine',
      'wsus@machine'
    ])
    // Also when one of them is put back as it fails, and the other undone.
    one.answer = () => new Error('connect ECONNREFUSED')
    await Promise.all([
      expect(one.apply('bits')).rejects.toThrow(/as it was before/),
      other.apply('pac'),
      other.undo('wsus')
    ])
    expect(Object.keys(journalFrom(Buffer.from(file.text!), 'x')).toSorted()).toEqual([
      'delivery-optimization@machine',
      'pac@machine'
    ])
  })

  it('wait for each other, to apply and to undo', async () => {
    const world = open(used)
    await world.apply('wsus')
    const made = world.windows.changes.length
    locked.add(world.file)
    const waiting = [world.apply('delivery-optimization'), world.undo('wsus')]
    // All that they do otherwise is done by then.
    await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setImmediate(resolve))
    expect(world.windows.changes).toHaveLength(made)
    locked.delete(world.file)
    await Promise.all(waiting)
    expect([world.windows.changes.length > made, locked.has(world.file)]).toEqual([true, false])
  })

  it('write their own entries only, where one has come past the lock', async () => {
    const file: World['file'] = { text: null }
    const [one, other] = [open(used, file), open(used, file)]
    await one.apply('wsus')
    const among: Array<Promise<unknown>> = []
    one.answer = () => {
      locked.delete(file)
      if (among.length === 0) among.push(other.apply('delivery-optimization'))
      return new Error('connect ECONNREFUSED')
    }
    await expect(one.apply('bits')).rejects.toThrow(/as it was before/)
    await Promise.all(among)
    expect(Object.keys(journalFrom(Buffer.from(file.text!), 'x')).toSorted()).toEqual([
      'delivery-optimization@machine',
      'wsus@machine'
    ])
  })
})

describe('what somebody else has set', () => {
  it('since then is left alone, and said', async () => {
    const world = open(used)
    await world.apply('delivery-optimization')
    world.windows.values.set(`${doKey}\\DOCacheHost`.toLowerCase(), 'REG_SZ gateway.corp.example')
    const [result] = await world.undo('delivery-optimization')
    expect(result!.changes.map(({ place }) => place)).toEqual([`${doKey}\\DOCacheHostSource`])
    expect(result!.notes).toEqual([
      `${doKey}\\DOCacheHost is left as it is (gateway.corp.example): somebody has changed it since`
    ])
    expect(all(world)[`${doKey}\\DOCacheHost`.toLowerCase()]).toBe('REG_SZ gateway.corp.example')
  })

  it('in a value of ours stays, and what is ours goes out of it', async () => {
    const doHost = `${doKey}\\DOCacheHost`.toLowerCase()
    const past = '*.corp.example'
    const proxied = `REG_BINARY ${winHttpBytes(3, 3, 'proxy.corp.example:3128', past)}`
    for (const { item, at, values, since, after } of [
      {
        item: 'delivery-optimization',
        at: doHost,
        values: used,
        since: () => 'REG_SZ 127.0.0.1, old.corp.example,new.corp.example',
        after: 'REG_SZ old.corp.example,new.corp.example'
      },
      {
        item: 'delivery-optimization',
        at: doHost,
        values: {},
        since: () => 'REG_SZ new.corp.example,127.0.0.1',
        after: 'REG_SZ new.corp.example'
      },
      ...[winHttpAt, winHttp32At].flatMap(place => [
        {
          item: 'winhttp' as const,
          at: place.toLowerCase(),
          values: used,
          since: () => `REG_BINARY ${winHttpBytes(9, 3, 'http=127.0.0.1:17831', 'x.example')}`,
          after: place === winHttpAt ? `REG_BINARY ${winHttpBytes(3, 1)}` : undefined
        },
        {
          item: 'winhttp' as const,
          at: place.toLowerCase(),
          values: { [winHttpAt]: proxied, [winHttp32At]: proxied },
          since: () =>
            `REG_BINARY ${winHttpBytes(9, 3, 'http=127.0.0.1:17831;https=other:1', `10.*;X.example;${past}`)}`,
          after: `REG_BINARY ${winHttpBytes(0, 3, 'http=proxy.corp.example:3128;https=other:1', `X.example;${past}`)}`
        }
      ])
    ] as const) {
      const world = open(values)
      await world.apply(item)
      world.windows.values.set(at, since())
      const notes = (await world.undo(item))[0]?.notes
      expect([world.windows.values.get(at), notes], `${item} ${at}`).toEqual([after, []])
      // And the same when it was applied again in between.
      const again = open(values)
      await again.apply(item)
      again.windows.values.set(at, since())
      await again.apply(item, { agent: { port: 8888 } })
      await again.undo(item)
      expect(again.windows.values.get(at), `${item} ${at}, again`).toBe(after)
    }
  })

  it('of WinHTTP by hand to us for every protocol ends with us, too', async () => {
    for (const [first, since, after] of [
      [
        winHttpBytes(3, 3, 'proxy.corp.example:3128'),
        winHttpBytes(9, 3, '127.0.0.1:17831', '<local>'),
        winHttpBytes(0, 3, 'proxy.corp.example:3128')
      ],
      [winHttpBytes(3, 1), winHttpBytes(9, 3, '127.0.0.1:17831', '<local>'), winHttpBytes(3, 1)],
      [
        winHttpBytes(3, 3, 'https=b:2'),
        winHttpBytes(9, 3, 'http=other:1;127.0.0.1:17831'),
        winHttpBytes(0, 3, 'http=other:1;https=b:2')
      ],
      [
        winHttpBytes(3, 3, 'proxy.corp.example:3128'),
        winHttpBytes(9, 3, 'http=127.0.0.1:17831;https=a:1;https=b:2'),
        winHttpBytes(0, 3, 'http=proxy.corp.example:3128;https=a:1;https=b:2')
      ]
    ] as const) {
      const world = open({ [winHttpAt]: `REG_BINARY ${first}` })
      await world.apply('winhttp')
      world.windows.values.set(winHttpAt.toLowerCase(), `REG_BINARY ${since}`)
      const [undone] = await world.undo('winhttp')
      expect(undone!.notes).toEqual([])
      expect(winHttpFrom(recordAt(world, winHttpAt))).toEqual(winHttpFrom(Buffer.from(after, 'hex')))
    }
  })

  it.each([
    ['pac', `HKLM\\${internet}`, 'searching'],
    ['bits', systemProxyAt, 'on its own']
  ] as const)(
    'in a record with the script of %s stays, and the script goes, also after another port',
    async (item, hive, search) => {
      const at = `${hive}\\Connections\\DefaultConnectionSettings`
      const ours = 'http://127.0.0.1:17831/proxy.pac'
      for (const again of [false, true])
        for (const [before, since, after] of [
          // Automatic detection turned on, as bitsadmin does it by itself.
          [connectionBytes(5, 1), connectionBytes(9, 13, '', '', ours), search === 'searching' ? 9 : 1],
          [connectionBytes(5, 9), connectionBytes(9, 13, 'other:1', 'x', ours), 9],
          [connectionBytes(5, 1), connectionBytes(9, 7, 'other:1', 'x', ours), 3],
          [null, connectionBytes(9, 13, '', '', ours), search === 'searching' ? 9 : null]
        ] as const) {
          const world = open(before === null ? {} : { [at]: `REG_BINARY ${before}` })
          await world.apply(item)
          world.windows.values.set(at.toLowerCase(), `REG_BINARY ${since}`)
          // A proxy beside the script would be refused.
          if (again && after !== 3) await world.apply(item, { agent: { port: 8888 } })
          const [undone] = await world.undo(item)
          expect([undone!.notes, world.file.text]).toEqual([[], null])
          const isThere = world.windows.values.has(at.toLowerCase())
          expect(isThere ? recordAt(world, at).readUInt32LE(8) : null, `${before} ${since}`).toBe(after)
          expect([...world.windows.values.values()].join('\n')).not.toMatch(/127\.0\.0\.1/)
          expect(Buffer.concat(recordsOf(world)).toString('latin1')).not.toMatch(/127\.0\.0\.1/)
        }
    }
  )

  it('of WinHTTP elsewhere than through us is left alone, and said', async () => {
    const world = open(used)
    await world.apply('winhttp')
    const other = `REG_BINARY ${winHttpBytes(9, 3, 'proxy.corp.example:3128')}`
    world.windows.values.set(winHttpAt.toLowerCase(), other)
    const [undone] = await world.undo('winhttp')
    expect(undone!.notes).toEqual([expect.stringMatching(/left as it is .*somebody has changed it since/)])
    expect(world.windows.values.get(winHttpAt.toLowerCase())).toBe(other)
  })

  it('and is as wanted already is not taken for ours', async () => {
    const world = open({
      [`${doKey}\\DOCacheHost`]: 'REG_SZ 127.0.0.1',
      [`${doKey}\\DOCacheHostSource`]: 'REG_DWORD 0x0'
    })
    expect((await world.apply('delivery-optimization')).changes).toEqual([])
    expect(world.file.text).toBeNull()
    expect(await world.undo()).toEqual([])
    const [view] = await world.list()
    expect(view).toMatchObject({
      state: 'applied',
      values: [{ by: 'somebody-else' }, { by: 'somebody-else' }]
    })
  })

  it('by Group Policy since it was applied is left to it, also where it is the same', async () => {
    const world = open(used)
    await world.apply('delivery-optimization')
    world.policy = groupPolicyFrom(
      policyFile([
        'SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization',
        'DOCacheHost',
        '127.0.0.1,old.corp.example'
      ]),
      'HKLM'
    )
    const [undone] = await world.undo()
    expect(undone!.notes).toEqual([
      expect.stringMatching(/DOCacheHost is left as it is .*Group Policy sets it now/)
    ])
    expect(all(world)[`${doKey}\\DOCacheHost`.toLowerCase()]).toBe('REG_SZ 127.0.0.1,old.corp.example')
  })

  it('by Group Policy to something else since it was applied is said, and no failure', async () => {
    const world = open(used)
    await world.apply('delivery-optimization')
    world.windows.values.set(`${doKey}\\DOCacheHost`.toLowerCase(), 'REG_SZ gw.corp.example')
    world.policy = groupPolicyFrom(
      policyFile([
        'SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization',
        'DOCacheHost',
        'gw.corp.example'
      ]),
      'HKLM'
    )
    const made = world.windows.changes.length
    const { changes, notes } = await world.apply('delivery-optimization')
    expect([changes, notes]).toEqual([
      [],
      [expect.stringMatching(/^not any more: Group Policy sets .*DOCacheHost/)]
    ])
    expect(world.windows.changes).toHaveLength(made)
  })

  it('by Group Policy to something else is not fought against', async () => {
    const world = open(used)
    const before = all(world)
    world.policy = groupPolicyFrom(
      policyFile([
        'SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization',
        'DOCacheHost',
        'old.corp.example'
      ]),
      'HKLM'
    )
    await expect(world.apply('delivery-optimization')).rejects.toThrow(
      /Group Policy sets .*DOCacheHost to old\.corp\.example .*next gpupdate: set it to 127\.0\.0\.1,old\.corp\.example in that policy/
    )
    expect(all(world)).toEqual(before)
    const [view] = await world.list()
    expect(view!.values[0]).toMatchObject({ now: 'old.corp.example', by: 'group-policy' })
    expect(view!.refusal).toMatch(/gpupdate/)
  })

  it('as a proxy to get out by stays where the agent does not use it', async () => {
    const record = `REG_BINARY ${winHttpBytes(3, 3, 'proxy.corp.example:3128', '*.corp.example')}`
    const world = open({ ...used, [winHttpAt]: record })
    await expect(world.apply('winhttp', { agent: { upstreamProxies: [] } })).rejects.toThrow(
      /through proxy\.corp\.example:3128 now.*upstream\.proxies/
    )
    expect(world.windows.changes).toEqual([])
    const { changes } = await world.apply('winhttp')
    expect(changes[0]!.to).toBe(
      'proxy http=127.0.0.1:17831;https=proxy.corp.example:3128, not for *.corp.example;<local>;localhost;127.*;10.*;192.168.*;169.254.*;' +
        Array.from({ length: 16 }, (_, at) => `172.${16 + at}.*;`).join('') +
        'wsus.corp.example'
    )
    for (const [item, at] of [
      ['pac', `HKLM\\${internet}\\Connections\\DefaultConnectionSettings`],
      ['bits', `${systemProxyAt}\\Connections\\DefaultConnectionSettings`]
    ] as const) {
      const proxied = open({
        ...used,
        [at]: `REG_BINARY ${connectionBytes(9, 3, 'proxy.corp.example:3128')}`
      })
      await expect(proxied.apply(item), item).rejects.toThrow(/send them past it/)
      const scripted = open({
        ...used,
        [at]: `REG_BINARY ${connectionBytes(9, 5, '', '', 'http://corp.example/a.pac')}`
      })
      await expect(scripted.apply(item), item).rejects.toThrow(
        /another script \(http:\/\/corp\.example\/a\.pac\)/
      )
      expect([...proxied.windows.changes, ...scripted.windows.changes]).toEqual([])
    }
  })

  it('on a port of this machine that we have never set is not taken for ours', async () => {
    const record = (bytes: string): string => `REG_BINARY ${bytes}`
    const script = 'http://127.0.0.1:9000/proxy.pac'
    const wsusAt = 'HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\UpdateServiceUrlAlternate'
    for (const [item, at, value, why] of [
      ['winhttp', winHttpAt, record(winHttpBytes(3, 3, '127.0.0.1:3128')), /goes through 127\.0\.0\.1:3128/],
      [
        'pac',
        `HKLM\\${internet}\\Connections\\DefaultConnectionSettings`,
        record(connectionBytes(3, 5, '', '', script)),
        /another script \(http:\/\/127\.0\.0\.1:9000/
      ],
      [
        'bits',
        `${systemProxyAt}\\Connections\\DefaultConnectionSettings`,
        record(connectionBytes(3, 5, '', '', script)),
        /another script/
      ],
      ['wsus', wsusAt, 'REG_SZ http://localhost:8005', /http:\/\/localhost:8005; Configuration Manager/]
    ] as const) {
      const world = open({ ...used, [at]: value })
      await expect(world.apply(item), item).rejects.toThrow(why)
      expect(world.windows.changes, item).toEqual([])
    }
    // Where it is the agent's, by whatever name of this machine, it is.
    await open({ [wsusAt]: 'REG_SZ http://127.0.0.1:17831/' }).apply('wsus')
    await open({ [winHttpAt]: record(winHttpBytes(3, 3, 'localhost:17831')) }).apply('winhttp')
  })

  it('as several proxies that stand in for each other is not cut to one', async () => {
    const value = `REG_BINARY ${winHttpBytes(3, 3, 'p1.corp:8080;p2.corp:8080')}`
    const world = open({ [winHttpAt]: value })
    await expect(
      world.apply('winhttp', { agent: { upstreamProxies: ['p1.corp:8080', 'p2.corp:8080'] } })
    ).rejects.toThrow(/several proxies now \(p1\.corp:8080, p2\.corp:8080\)/)
    expect(world.windows.changes).toEqual([])
  })

  it('and cannot be put back exactly is not overwritten', async () => {
    const world = open({ ...used, [`${doKey}\\DOCacheHost`]: 'REG_MULTI_SZ a\\0b' })
    await expect(world.apply('delivery-optimization')).rejects.toMatchObject({ code: 'registry-unreadable' })
    expect(world.windows.changes).toEqual([])
    expect((await world.list())[0]).toMatchObject({ state: 'unreadable' })
  })
})

describe('the list of proxies of the go command', () => {
  const ours = 'http://127.0.0.1:17831/m/go'
  it.each([
    ['', `${ours}|direct`],
    ['off', `${ours}|off`],
    [
      'https://athens.corp,https://proxy.golang.org,direct',
      `${ours}|https://athens.corp,https://proxy.golang.org,direct`
    ],
    ['https://athens.corp', `${ours}|https://athens.corp`],
    // Somebody else's on this machine, and a mirror of another one.
    [
      'http://127.0.0.1:3000|https://gw.corp/m/go,direct',
      `${ours}|http://127.0.0.1:3000|https://gw.corp/m/go,direct`
    ],
    [`https://athens.corp,${ours}|direct`, `${ours}|https://athens.corp,direct`]
  ])('%j: ours goes before it, and away again', async (before, after) => {
    const world = open()
    if (before !== '') world.go.set('GOPROXY', text(before))
    await world.apply('go')
    const now = () => textOf(world.go.get('GOPROXY') ?? null) ?? ''
    expect(now()).toBe(after)
    expect((await world.apply('go')).changes).toEqual([])
    await world.apply('go', { agent: { port: 8888 } })
    expect(now()).toBe(after.replace('17831', '8888'))
    await world.undo('go')
    expect(now()).toBe(before)
  })

  it('that somebody has changed since loses ours and nothing else', async () => {
    const world = open()
    await world.apply('go')
    world.go.set('GOPROXY', text(`${ours}|https://athens.corp,direct`))
    expect((await world.undo('go'))[0]!.notes).toEqual([])
    expect(world.go.get('GOPROXY')).toEqual(text('https://athens.corp,direct'))
  })

  it('is put back for the level that is named', async () => {
    const world = open()
    await world.apply('go')
    await world.apply('go', { level: 'machine' })
    expect((await world.undo('go', 'machine')).map(({ level }) => level)).toEqual(['machine'])
    expect(world.go.has('GOPROXY')).toBe(true)
    expect((await world.undo(null, 'user')).map(({ item }) => item)).toEqual(['go'])
    expect(world.go.has('GOPROXY')).toBe(false)
  })
})

describe('the script of the machine, which takes the place of what users have', () => {
  const [alice, bob] = ['HKU\\S-1-5-21-1-2-3-1001', 'HKU\\S-1-5-21-1-2-3-1002']
  const record = `${internet}\\Connections\\DefaultConnectionSettings`
  const signedIn = {
    ...used,
    [`HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\${alice.slice(4)}\\ProfileImagePath`]:
      'REG_EXPAND_SZ C:\\Users\\alice',
    [`${alice}\\${internet}\\ProxyEnable`]: 'REG_DWORD 0x0',
    [`${bob}\\${internet}\\ProxyEnable`]: 'REG_DWORD 0x0'
  }

  it.each([
    [
      'a proxy',
      { [`${alice}\\${record}`]: `REG_BINARY ${connectionBytes(2, 3, 'proxy.corp.example:3128')}` }
    ],
    [
      'a proxy in the plain values',
      {
        [`${alice}\\${internet}\\ProxyEnable`]: 'REG_DWORD 0x1',
        [`${alice}\\${internet}\\ProxyServer`]: 'REG_SZ proxy.corp.example:3128'
      }
    ],
    ['a script', { [`${alice}\\${internet}\\AutoConfigURL`]: 'REG_SZ http://corp.example/a.pac' }]
  ])('is refused where one who is signed in has %s', async (_, values) => {
    const world = open({ ...signedIn, ...values })
    await expect(world.apply('pac')).rejects.toThrow(
      /take the place of what alice has: .*(proxy\.corp\.example:3128|a\.pac)/
    )
    expect(world.windows.changes).toEqual([])
    const view = (await world.list()).find(({ item, level }) => item === 'pac' && level === 'machine')
    expect(view!.refusal).toMatch(/what alice has/)
    // Where they do not count already there is nothing to lose.
    const perUser =
      'HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\\ProxySettingsPerUser'
    await open({ ...signedIn, ...values, [perUser]: 'REG_DWORD 0x0' }).apply('pac')
  })

  it('names who searches for a proxy, and whom it cannot see', async () => {
    const searching = `REG_BINARY ${connectionBytes(2, 9)}`
    const world = open({ ...signedIn, [`${bob}\\${record}`]: searching, [`HKLM\\${record}`]: searching })
    world.windows.closed = alice
    const { notes } = await world.apply('pac')
    expect(notes).toEqual([
      expect.stringMatching(/^automatic detection/),
      expect.stringMatching(/do not count any more/),
      expect.stringMatching(/^what alice has of their own cannot be seen/),
      expect.stringMatching(/^S-1-5-21-1-2-3-1002 searches for a proxy by WPAD/),
      expect.stringMatching(/not signed in/)
    ])
  })
})

describe('an item is refused', () => {
  it.each([
    [
      'delivery-optimization',
      { cacheHost: { ...agent.cacheHost, enabled: false } },
      /STARLING_CACHE_HOST_ENABLED/
    ],
    ['delivery-optimization', { cacheHost: { ...agent.cacheHost, port: 8080 } }, /no other than 80/],
    ['delivery-optimization', { cacheHost: { ...agent.cacheHost, host: '10.1.2.3' } }, /0\.0\.0\.0/],
    ['wsus', { wsus: null }, /set proxy\.wsus to its address \(https:\/\/wsus\.corp\.example:8531\)/]
  ] as const)('%s, with what to do', async (item, part, why) => {
    const world = open(used)
    await expect(world.apply(item, { agent: part })).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(why)
    })
    expect([world.windows.changes, world.file.text]).toEqual([[], null])
  })

  it('for a user where proxies are of the machine', async () => {
    const world = open()
    await world.apply('pac')
    await expect(world.apply('pac', { level: 'user' })).rejects.toThrow(/apply it to the machine/)
    await world.undo()
    await world.apply('pac', { level: 'user' })
    expect(all(world)[`HKCU\\${internet}\\AutoConfigURL`.toLowerCase()]).toBe(
      'REG_SZ http://127.0.0.1:17831/proxy.pac'
    )
  })

  it('by MDM, where it says something else or has Windows not look at the value', async () => {
    const mdm = 'HKLM\\SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\DeliveryOptimization'
    const apply = (name: string, value: string) =>
      open({ [`${mdm}\\${name}`]: value }).apply('delivery-optimization')
    await expect(apply('DOCacheHost', 'REG_SZ mcc.corp.example')).rejects.toThrow(
      /MDM \(Intune\) sets DOCacheHost to mcc\.corp\.example: set it to 127\.0\.0\.1,mcc\.corp\.example there/
    )
    for (const forced of ['REG_DWORD 0x2', 'REG_SZ 2'])
      await expect(apply('DOCacheHostSource', forced)).rejects.toThrow(
        /ignores DOCacheHost: set it to 0 there/
      )
    await apply('DOCacheHostSource', 'REG_DWORD 0x1')
    await apply('DOCacheHost', 'REG_SZ 127.0.0.1,mcc.corp.example')
  })
})

it('cache hosts that Windows asked before are asked behind the agent, and it is said of what is not asked any more', async () => {
  const notesOf = async (values: Readonly<Record<string, string>>): Promise<string> =>
    (await open(values).apply('delivery-optimization')).notes.join('\n')
  const [at, source] = [`${doKey}\\DOCacheHost`, `${doKey}\\DOCacheHostSource`]
  expect(await notesOf({ [at]: 'REG_SZ a.example, b.example' })).toMatch(
    /asks a\.example, b\.example only when/
  )
  expect(await notesOf({ [source]: 'REG_DWORD 0x1' })).toMatch(/DHCP option 235 now \(DOCacheHostSource 1\)/)
  expect(await notesOf({ [at]: 'REG_SZ a.example', [source]: 'REG_DWORD 0x2' })).toMatch(
    /DOCacheHostSource 2/
  )
  expect(await notesOf({ [at]: 'REG_SZ a.example', [source]: 'REG_DWORD 0x1' })).not.toMatch(/DHCP/)
  const world = open({ [at]: 'REG_SZ a.example, 127.0.0.1' })
  await world.apply('delivery-optimization')
  expect(world.windows.values.get(at.toLowerCase())).toBe('REG_SZ 127.0.0.1,a.example')
})

it("Microsoft's test file may fail to come: clients do without, and it is said", async () => {
  const world = open(used)
  world.answer = url => (url.endsWith('/proxy.pac') ? pac : own(502, 'Starling: no way out\nx'))
  const { notes } = await world.apply('delivery-optimization')
  expect(notes.at(-1)).toMatch(/test file .* did not come through the agent \(502, Starling: no way out\)/)
  await expect(world.apply('wsus')).rejects.toThrow(/WSUS, through the agent does not answer/)
})

it('a user to whom the data folder is closed sets and puts back what is his', async () => {
  const world = open(used)
  await world.apply('wsus')
  world.file.closed = true
  const before = all(world)
  await expect(world.apply('delivery-optimization')).rejects.toMatchObject({ code: 'journal-closed' })
  await world.apply('pac', { level: 'user' })
  expect(all(world)).not.toEqual(before)
  const views = await world.list()
  expect(views.find(({ item, level }) => item === 'pac' && level === 'user')!.state).toBe('applied')
  expect(views.find(({ item }) => item === 'wsus')!.notes.at(-1)).toMatch(/cannot be seen by this user/)
  expect((await world.undo('wsus'))[0]!.notes).toEqual([expect.stringMatching(/by an administrator/)])
  expect(await world.undo()).toHaveLength(1)
  expect([all(world), world.ofUser.text]).toEqual([before, null])
})

it('clients that were pointed to an earlier port are known by the notes alone', async () => {
  const world = open(used)
  for (const item of ofMachine) await world.apply(item)
  const strayAt = (proxy: number, cacheHost: number | null) =>
    strayClients(journalFrom(Buffer.from(world.file.text!), 'x'), { proxy, cacheHost })
  expect(strayAt(17_831, 80)).toEqual([])
  expect(strayAt(8888, null)).toEqual([
    { item: 'delivery-optimization', port: 80 },
    ...['wsus', 'winhttp', 'bits', 'pac'].map(item => ({ item, port: 17_831 }))
  ])
  // What counts is where it was pointed to last.
  await world.apply('wsus', { agent: { port: 8888 } })
  expect(strayAt(8888, 80).map(({ item }) => item)).toEqual(['winhttp', 'bits', 'pac'])
  const mirror = { before: null, ours: [text('http://127.0.0.1:17831/m/go|direct'), text('corp.example')] }
  const go = { 'go@machine': { proxy: { ...mirror, ours: mirror.ours.slice(0, 1) }, private: mirror } }
  expect(strayClients(go, { proxy: 1, cacheHost: null })).toEqual([{ item: 'go', port: 17_831 }])
  expect(strayClients({ 'go@user:alice': { proxy: mirror } }, { proxy: 1, cacheHost: null })).toEqual([])
})

it('a damaged journal stops everything, and one of strange places moves nothing there', async () => {
  await expect(open(used, { text: '{"version":1' }).undo()).rejects.toMatchObject({ code: 'journal-damaged' })
  const strange = { 'HKLM\\SOFTWARE\\x': { before: { type: 'REG_SZ', data: 'x' }, ours: [null] } }
  const world = open(used, { text: JSON.stringify({ version: 1, items: { 'wsus@machine': strange } }) })
  await world.undo()
  expect(world.windows.changes).toEqual([])
})

it('on another system only Go can be configured, and only for its user', async () => {
  const noJournal: JournalFile = { read: async () => ({}), put: async () => {}, alone: work => work() }
  const settings = createClientSettings({
    platform: 'linux',
    user: 'alice',
    places: { read: async () => null, set: async () => {}, putBack: async () => {} },
    journals: { machine: noJournal, user: noJournal },
    groupPolicy: async () => ({ at: () => undefined }),
    userHives: async () => [],
    ask: async () => pac
  })
  const options = { dryRun: true, tell() {} }
  expect(settings.items).toEqual(['go'])
  await expect(settings.apply('winhttp', null, agent, options)).rejects.toThrow(/setting of Windows/)
  await expect(settings.undo('bits', null, options)).rejects.toThrow(/setting of Windows/)
  await expect(settings.apply('go', 'machine', agent, options)).rejects.toThrow(/\/etc\/environment/)
})

function recordAt({ windows }: World, at: string): Buffer {
  return Buffer.from(windows.values.get(at.toLowerCase())!.split(' ')[1]!, 'hex')
}

const recordsOf = ({ windows }: World): Buffer[] =>
  [...windows.values.values()].flatMap(value =>
    value.startsWith('REG_BINARY ') ? Buffer.from(value.slice('REG_BINARY '.length), 'hex') : []
  )

/** Registry.pol with one text. */
function policyFile([key, name, value]: readonly [string, string, string]): Buffer {
  const wide = (text: string): Buffer => Buffer.from(text, 'utf16le')
  const data = wide(`${value}\0`)
  const size = Buffer.alloc(4)
  size.writeUInt32LE(data.length)
  return Buffer.concat([
    Buffer.from('PReg\u0001\0\0\0', 'latin1'),
    wide(`[${key}\0;${name}\0;`),
    Buffer.from([1, 0, 0, 0]),
    wide(';'),
    size,
    wide(';'),
    data,
    wide(']')
  ])
}
