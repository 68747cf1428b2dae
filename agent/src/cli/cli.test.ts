import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { keyHashOf } from '@starling/shared/manifest.ts'
import { MiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCommandLine, type CommandLine } from '../../../test/doubles/command-line.ts'
import { makePeer, makeStatus, makeTransfer, noBytes, selfId } from '../../../test/doubles/local-page.ts'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { createMemoryStore } from '../../../test/doubles/memory-store.ts'
import { filesIn, type AgentConfig } from '../config.ts'
import type { AccessLine } from '../ports.ts'
import { loadPurges } from '../purge-memory.ts'

let line: CommandLine
beforeEach(async () => {
  line = await createCommandLine()
})
afterEach(() => line.close())

const said = () => line.notes.join('\n')
const [idA, idB] = ['ab'.repeat(32), 'ac'.repeat(32)]
const contents = [
  makeTransfer({ transfer: idA, key: 'origin.example/a.msu', pinned: true }),
  makeTransfer({
    transfer: idB,
    key: 'origin.example/\u001b[31mb.msu',
    keptBytes: 5 * MiB,
    readers: 1,
    bytes: { ...noBytes, fromUpstream: 5 * MiB }
  })
]

describe('help', () => {
  const commands = [
    [],
    ['run'],
    ['status'],
    ['peers'],
    ['why'],
    ['doctor'],
    ['support-bundle'],
    ['page'],
    ['orders'],
    ['upstreams'],
    ['fetch'],
    ['explain'],
    ['requests'],
    ['configure'],
    ['join'],
    ['secret', 'create'],
    ...['check', 'show', 'reload'].map(name => ['config', name]),
    ...['ls', 'verify', 'pin', 'unpin', 'rm', 'purge', 'rebuild'].map(name => ['cache', name])
  ]

  it.each(commands.map(words => [words.join(' '), words] as const))(
    'of `%s` has examples and exit codes',
    async (_, words) => {
      expect(await line.run(...words, '--help')).toBe(0)
      const text = line.out.join('\n')
      expect(text).toMatch(/Usage: starling/)
      expect(text).toMatch(/Examples:\n {2}starling/)
      expect(text).toMatch(/78 {2}the configuration cannot be used/)
    }
  )

  it('has the version', async () => {
    expect(await line.run('--version')).toBe(0)
    expect(line.out.join('\n')).toMatch(/^\d+\.\d+\.\d+$/)
  })

  it('of `run` names every setting and every rule of policy', async () => {
    await line.run('run', '--help')
    expect(line.out.join('\n')).toMatch(/--cache-quota <size>.*--log-level.*uploadSlots=8/s)
  })

  it.each([['fetsch'], ['fetch'], ['status', '--wach'], ['cache', 'pin'], ['run', '--cache-quota']])(
    'is pointed to after `%s %s`, with exit code 2',
    async (...words) => {
      expect(await line.run(...words.filter(word => word !== undefined))).toBe(2)
      expect(said()).toMatch(/error: .*--help tells more/s)
    }
  )
})

describe('errors', () => {
  it('are a sentence; the stack comes with --verbose alone', async () => {
    expect(await line.run('status')).toBe(1)
    expect(line.notes.length).toBe(1)
    expect(said()).toMatch(/^starling: no agent runs on .*starling run --data/)
    await line.run('status', '--verbose')
    expect(said()).toMatch(/\n\s+at .*api\.ts/)
  })

  it('of the program itself are told as such', async () => {
    line.services.openStore = async () => {
      throw new TypeError('x is undefined')
    }
    expect(await line.run('cache', 'ls')).toBe(1)
    expect(said()).toMatch(/x is undefined .*--verbose/)
  })
})

describe('the running agent', () => {
  it('is not believed to run when its process is gone, when it is another, or when agent.json is torn', async () => {
    const page = await line.startAgent()
    expect(await line.run('peers')).toBe(0)
    const { running } = filesIn(line.folder)
    const file = JSON.parse(await readFile(running, 'utf8'))
    // The largest pid that Linux gives is 2^22.
    await writeFile(running, JSON.stringify({ ...file, pid: 2 ** 22 + 1 }))
    expect(await line.run('peers')).toBe(1)
    expect(said()).toMatch(/left over from process 4194305/)
    await writeFile(running, JSON.stringify({ ...file, id: 'somebody else' }))
    expect(await line.run('peers')).toBe(1)
    await writeFile(running, '{"pid": 1')
    expect(await line.run('peers')).toBe(1)
    await writeFile(running, JSON.stringify(file))
    await page.stop()
    expect(await line.run('peers')).toBe(1)
  })

  it('tells its status, in words and in JSON', async () => {
    const page = await line.startAgent()
    page.status = makeStatus({
      transfers: contents,
      problems: ['The disk is full.'],
      totals: { ...noBytes, fromPeers: 3 * MiB },
      coordinator: { kind: 'lost', since: Date.now() - 60_000, problem: 'no answer' }
    })
    expect(await line.run('status')).toBe(0)
    const text = line.out.join('\n')
    expect(text).toMatch(new RegExp(`agent +${selfId}, agent of site north`))
    expect(text).toMatch(/coordinator +lost 1 min 0 s ago.*no answer/)
    expect(text).toMatch(/received +LAN peers 3\.00 MiB/)
    expect(text).toMatch(/under way:\n {2}origin\.example\/\ufffd\[31mb\.msu {2}2 %/)
    expect(text).toMatch(/problems:\n {2}The disk is full\./)
    expect(text).not.toContain('\u001b')
    await line.run('status', '--json')
    expect(JSON.parse(line.out[0]!)).toEqual(page.status)
  })

  it('is watched until Ctrl-C', async () => {
    const page = await line.startAgent()
    const watching = line.run('status', '--watch', '--json')
    const deadline = performance.now() + 5000
    while (page.subscribers === 0 || line.out.length === 0) {
      if (performance.now() > deadline) throw new Error('nothing is shown')
      await new Promise(resolve => {
        setTimeout(resolve, 5)
      })
    }
    expect(JSON.parse(line.out[0]!)).toMatchObject({ id: selfId })
    line.interrupt()
    expect(await watching).toBe(0)
  })

  it('that ends while it is watched is told', async () => {
    const page = await line.startAgent()
    const watching = line.run('status', '--watch')
    const deadline = performance.now() + 5000
    while (line.out.length === 0) {
      if (performance.now() > deadline) throw new Error('nothing is shown')
      await new Promise(resolve => {
        setTimeout(resolve, 5)
      })
    }
    await page.stop()
    expect(await watching).toBe(1)
    expect(said()).toMatch(/stopped|ended/)
  })

  it('shows its orders, how far they are, and why one does not get on', async () => {
    const order = { kind: 'prestage', bytesPerSecond: null, by: Date.UTC(2026, 10, 27, 6), late: false }
    const page = await line.startAgent()
    expect(await line.run('orders')).toBe(0)
    expect(line.out.join()).toMatch(/no orders/)
    page.status = makeStatus({
      orders: [
        {
          ...order,
          id: '1'.repeat(16),
          what: 'http://a.example/1',
          state: 'running',
          late: true,
          reason: '',
          bytes: 5,
          length: 20
        },
        {
          ...order,
          id: '2'.repeat(16),
          what: 'http://a.example/2',
          state: 'failed',
          reason: 'it is denied',
          bytes: 0,
          length: null
        }
      ]
    })
    expect(await line.run('orders')).toBe(0)
    expect(line.out.join('\n')).toMatch(/1{16} +prestage +running, late +25 % of 20 B +2026-11-27T06:00/)
    expect(line.out.join('\n')).toMatch(/2{16}: it is denied/)
  })

  it('lists its peers', async () => {
    const page = await line.startAgent()
    expect(await line.run('peers')).toBe(0)
    expect(line.out.join()).toMatch(/no peers/)
    page.status = makeStatus({ peers: [makePeer({ id: selfId, bytesFrom: MiB })] })
    await line.run('peers')
    expect(line.out.join()).toMatch(/12D3KooW.* 1\.00 MiB .*\/ip4\/192/)
    await line.run('peers', '--json')
    expect(JSON.parse(line.out[0]!)).toMatchObject(page.status.peers)
  })
})

describe('requests', () => {
  const request: AccessLine = {
    time: '2026-11-26T08:00:00.000Z',
    client: '10.1.2.3',
    method: 'GET',
    host: 'files.example',
    path: '/a\u001b[31m.iso',
    class: 'generic-download',
    face: 'forward',
    status: 200,
    whole: true,
    bytes: 5 * MiB,
    from: { swarm: 4 * MiB, pass: MiB },
    received: 0,
    firstByteMs: 3,
    totalMs: 41.6,
    agent: 'curl/8.5.0',
    rule: null
  }

  it('are listed, those that were refused with the rule', async () => {
    const page = await line.startAgent()
    page.requestPage = { requests: [request, { ...request, status: 403, rule: 'no-video' }], cursor: null }
    expect(await line.run('requests')).toBe(0)
    const [head, first, second] = line.out.join('\n').split('\n')
    expect(head).toMatch(/^TIME +CLIENT +STATUS +WAY/)
    expect(first).toMatch(
      /10\.1\.2\.3 +200 +swarm\+pass +5\.00 MiB +42 +generic-download +GET files\.example\/a\ufffd\[31m\.iso$/
    )
    expect(second).toMatch(/403 +no-video/)
    page.requestPage = { requests: [], cursor: null }
    await line.run('requests')
    expect(line.out).toEqual(['no such requests'])
  })

  it('are asked for by what the options say, page after page, until there are enough', async () => {
    const page = await line.startAgent()
    page.requestPage = { requests: [request, request], cursor: '3:70' }
    const options = ['--client', '10.1.2.3', '--host', '*.example', '--class', 'generic', '--limit', '3']
    expect(await line.run('requests', ...options, '--since', '2026-11-26T07:00:00Z', '--json')).toBe(0)
    expect(line.out.map(text => JSON.parse(text) as unknown)).toEqual([request, request, request, request])
    const asked = page.asked.map(text => JSON.parse(text.replace('requests ', '')) as object)
    const query = { client: '10.1.2.3', host: '*.example', class: 'generic' }
    const from = Date.UTC(2026, 10, 26, 7)
    expect(asked).toMatchObject([
      { ...query, from, limit: 3, cursor: null },
      { ...query, from, limit: 1, cursor: '3:70' }
    ])
    const before = Date.now()
    await line.run('requests', '--since', '2h', '--limit', '2')
    const { from: since } = JSON.parse(page.asked.at(-1)!.replace('requests ', '')) as { from: number }
    expect(Math.abs(since - (before - 2 * 3_600_000))).toBeLessThan(60_000)
  })

  it('are not asked for in a way that cannot be understood', async () => {
    await line.startAgent()
    expect(await line.run('requests', '--since', 'yesterday')).toBe(2)
    expect(await line.run('requests', '--limit', '0')).toBe(2)
  })
})

describe('explain', () => {
  const digest = 'd20e6c08d3604463db51f5b55160298f4ff361d5'
  const updateUrl = `http://au.download.windowsupdate.com/c/msdownload/update/x_${digest}.cab#top`
  const own = {
    id: 'model-hub',
    hosts: ['models.example'],
    paths: ['/**'],
    key: 'address',
    keyHost: 'models.example',
    volatileQuery: ['token'],
    minBytes: 1024,
    rangeFirst: true
  } as const

  it('tells class, key and promise of an address, and how it would be shared', async () => {
    expect(await line.run('explain', updateUrl)).toBe(0)
    const text = line.out.join('\n')
    expect(text).toMatch(/class +windows-update\n/)
    expect(text).toMatch(new RegExp(`key +sha1:${digest}\nkey hash +[0-9a-f]{64}\n`))
    expect(text).toMatch(new RegExp(`name promises +sha1 ${digest}\n`))
    expect(text).toMatch(/shared +yes, from 1\.00 MiB on/)
    expect(text).toMatch(/fresh +for 30 d/)
    expect(text).toMatch(/cache host +may fetch it/)
    expect(text).toMatch(/kept +not known: no agent runs/)
  })

  it('tells why something is not shared, and nothing of how it would be', async () => {
    await line.run('explain', 'http://x.example/authrootstl.cab')
    expect(line.out.join('\n')).toMatch(/shared +no: a list of trusted certificates/)
    expect(line.out.join('\n')).not.toMatch(/fresh +/)
    expect(line.out.join('\n')).toMatch(/cache host +may not/)
  })

  it('judges by the classes of config.json while no agent runs', async () => {
    await writeFile(filesIn(line.folder).config, JSON.stringify({ contentClasses: [own] }))
    await line.run('explain', '--json', 'https://models.example/a?token=1&part=2')
    expect(JSON.parse(line.out[0]!)).toEqual({
      url: 'https://models.example/a?token=1&part=2',
      contentClass: 'model-hub',
      key: 'https://models.example/a?part=2',
      keyHash: keyHashOf('https://models.example/a?part=2'),
      promised: null,
      notShared: null,
      minBytes: 1024,
      immutable: false,
      freshMs: null,
      rangeFirst: true,
      cacheHostMayFetch: false,
      kept: null
    })
  })

  it('judges as the running agent does, and tells what that keeps of it', async () => {
    const page = await line.startAgent()
    const versions = [
      makeTransfer({ transfer: idA, key: 'https://models.example/a', validator: '"v1"', pinned: true }),
      makeTransfer({ transfer: idB, key: 'https://models.example/a', validator: '', keptBytes: 64 * MiB }),
      makeTransfer({ transfer: 'ad'.repeat(32), key: 'https://models.example/b' })
    ]
    page.status = makeStatus({ contentClasses: [own], transfers: versions })
    await line.run('explain', 'https://models.example/a?token=1')
    const text = line.out.join('\n')
    expect(text).toMatch(
      new RegExp(`kept +${idA} {2}100 % of 256 MiB, validator "v1", pinned\n +${idB} {2}25 % of 256 MiB$`)
    )
    await line.run('explain', '--json', 'https://models.example/a')
    expect(JSON.parse(line.out[0]!)).toMatchObject({
      contentClass: 'model-hub',
      kept: [{ transfer: idA, validator: '"v1"', complete: true, pinned: true }, { transfer: idB }]
    })
    await line.run('explain', 'https://models.example/other')
    expect(line.out.join('\n')).toMatch(/kept +nothing$/)
  })

  it('of what is no web address ends with exit code 2', async () => {
    expect(await line.run('explain', 'ftp://x/y')).toBe(2)
    expect(said()).toMatch(/begins with http/)
  })
})

describe('the cache of a running agent', () => {
  it('is listed, pinned, unpinned and emptied through it, by id or key', async () => {
    const page = await line.startAgent()
    page.status = makeStatus({ transfers: contents })
    expect(await line.run('cache', 'ls')).toBe(0)
    expect(line.out.join('\n')).toMatch(
      /abababababab {2}256 MiB {2}100 % .*pinned {2}origin\.example\/a\.msu/
    )
    expect(await line.run('cache', 'pin', 'acac')).toBe(0)
    expect(await line.run('cache', 'unpin', 'origin.example/a.msu')).toBe(0)
    expect(await line.run('cache', 'rm', idA)).toBe(0)
    expect(page.asked).toEqual([`pin ${idB} true`, `pin ${idA} false`, `remove ${idA}`])
    expect(await line.run('cache', 'rm', 'a')).toBe(1)
    expect(await line.run('cache', 'rm', 'dead')).toBe(1)
    expect(said()).toMatch(/starling cache ls/)
    page.status = makeStatus({
      transfers: [contents[0]!, { ...contents[1]!, transfer: `abab${'0'.repeat(60)}` }]
    })
    expect(await line.run('cache', 'rm', 'abab')).toBe(1)
    expect(said()).toMatch(/2 contents match/)
  })

  it('is purged by URL, key, id or class, and it is said who was told', async () => {
    const page = await line.startAgent()
    page.status = makeStatus({ transfers: contents })
    const asked = [
      'http://origin.example/a.msu',
      'origin.example/a.msu',
      'abab',
      'windows-update',
      'origin.example/c'
    ]
    for (const what of asked) expect(await line.run('cache', 'purge', what), what).toBe(0)
    expect(page.asked.map(text => JSON.parse(text.slice('purge '.length)))).toEqual([
      { url: 'http://origin.example/a.msu' },
      { key: 'origin.example/a.msu' },
      { key: 'origin.example/a.msu' },
      { class: 'windows-update' },
      { key: 'origin.example/c' }
    ])
    expect(line.out).toEqual([
      'purged origin.example/c: 1 forgotten here, 3 agents told, who tell the others'
    ])
    page.purgeResult = { forgotten: 0, told: 0, notTold: 'members may not sign' }
    await line.run('cache', 'purge', 'windows-update')
    expect(line.out[0]).toMatch(/0 forgotten here; the site was not told: members may not sign/)
    await line.run('cache', 'purge', 'windows-update', '--json')
    expect(JSON.parse(line.out[0]!)).toEqual({ class: 'windows-update', ...page.purgeResult })
    expect(await line.run('cache', 'purge', 'window-update')).toBe(1)
    expect(said()).toMatch(/no content class \(piece-hashes, windows-update/)
  })

  it('is verified; damage costs the exit code', async () => {
    const page = await line.startAgent()
    page.verifyResults = [{ transfer: idA, key: 'origin.example/a.msu', chunks: 3, bad: [] }]
    expect(await line.run('cache', 'verify')).toBe(0)
    expect(line.out).toEqual(['1 contents, 3 chunks verified, 0 damaged'])
    page.verifyResults.push({ transfer: idB, key: 'origin.example/b.msu', chunks: 2, bad: [1] })
    expect(await line.run('cache', 'verify')).toBe(1)
    expect(line.out[0]).toMatch(/acacacacacac {2}1 of 2 chunks damaged: origin\.example\/b\.msu/)
    await line.run('cache', 'verify', '--json')
    expect(line.out.map(text => JSON.parse(text))).toEqual([
      ...page.verifyResults,
      { done: true, transfers: 2, chunks: 5, bad: 1 }
    ])
  })

  it('is not rebuilt under it', async () => {
    await line.startAgent()
    expect(await line.run('cache', 'rebuild')).toBe(1)
    expect(said()).toMatch(/stop it first/)
  })
})

describe('the cache of an agent that does not run', () => {
  it('is opened, read and closed again', async () => {
    let closed = 0
    const open = line.services.openStore
    line.services.openStore = async config => {
      expect(config.dataFolder).toBe(line.folder)
      const store = await open(config)
      return {
        ...store,
        close: async () => {
          closed++
        }
      }
    }
    expect(await line.run('cache', 'ls')).toBe(0)
    expect(await line.run('cache', 'verify')).toBe(0)
    expect(await line.run('cache', 'rm', 'abab')).toBe(1)
    expect(closed).toBe(3)
  })

  it('is purged, and the purge counts when the agent starts', async () => {
    const store = createMemoryStore()
    const made = madeTransfer()
    await store.open(made.head())
    line.services.openStore = async () => ({ ...store, close: async () => {} })
    expect(await line.run('cache', 'purge', made.head().head.key)).toBe(0)
    expect(line.out[0]).toMatch(/1 forgotten here; the site was not told: the agent is stopped/)
    expect(store.list()).toEqual([])
    const { book } = await loadPurges(store)
    const { head, signed } = made.head()
    expect([book.covers(head, signed.issuedAt), book.covers(head, Date.now() + 1)]).toEqual([true, false])
  })

  it('is rebuilt', async () => {
    line.services.rebuildStore = async () => ({ transfers: 2, chunks: 9, bad: 1 })
    expect(await line.run('cache', 'rebuild')).toBe(0)
    expect(line.out).toEqual(['rebuilt: 2 contents, 9 chunks verified, 1 damaged and dropped'])
  })
})

describe('run', () => {
  const pretend = (stop = async () => {}) => {
    const seen: AgentConfig[] = []
    line.services.createAgent = async config => {
      seen.push(config)
      return {
        id: selfId,
        proxyAddress: 'http://127.0.0.1:1',
        pageAddress: 'http://127.0.0.1:2',
        status: () => makeStatus(),
        stop
      }
    }
    return seen
  }

  it('says when it is ready, can be found while it runs, and stops when stdin ends', async () => {
    let stops = 0
    const seen = pretend(async () => {
      stops++
    })
    const running = line.run(
      'run',
      '--json',
      '--stop-on-stdin-end',
      '--cache-quota',
      '1GiB',
      '--mdns',
      'off',
      '--policy',
      'uploadSlots=3'
    )
    const deadline = performance.now() + 5000
    while (line.out.length === 0) {
      if (performance.now() > deadline) throw new Error(`not ready: ${said()}`)
      await new Promise(resolve => {
        setTimeout(resolve, 5)
      })
    }
    const ready = JSON.parse(line.out[0]!)
    expect(ready).toMatchObject({
      ready: true,
      id: selfId,
      proxy: 'http://127.0.0.1:1',
      page: 'http://127.0.0.1:2',
      data: line.folder
    })
    expect(JSON.parse(await readFile(filesIn(line.folder).running, 'utf8'))).toMatchObject({
      pid: process.pid,
      id: selfId
    })
    line.stdin.end()
    expect(await running).toBe(0)
    expect(stops).toBe(1)
    expect(await readdir(line.folder)).not.toContain('agent.json')
    expect(seen[0]).toMatchObject({ cache: { quotaBytes: 2 ** 30 }, mdns: false, policy: { uploadSlots: 3 } })
  })

  it('looks at policy when its parent says that it has changed', async () => {
    pretend()
    let looks = 0
    line.services.lookAtMachinePolicy = () => void looks++
    line.stdin.write('policy\nnews\n')
    line.stdin.end()
    expect(await line.run('run', '--stop-on-stdin-end')).toBe(0)
    expect(looks).toBe(1)
  })

  it('does not begin with a ticket file that has none', async () => {
    const seen = pretend()
    await writeFile(filesIn(line.folder).ticket, 'hello', { mode: 0o600 })
    expect(await line.run('run')).toBe(78)
    expect(said()).toContain(filesIn(line.folder).ticket)
    expect(seen).toEqual([])
  })

  it('does not begin with a configuration that cannot be used', async () => {
    const seen = pretend()
    expect(await line.run('run', '--role', 'king', '--policy', 'uploadSlots=x')).toBe(78)
    expect(said()).toMatch(
      /command line --role {2}role: .*command line --policy\S* {2}policy\.uploadSlots: /s
    )
    expect(await line.run('run', '--policy', 'uploadSlots')).toBe(2)
    line.env.STARLING_FLEET_SECRET = 'password'
    expect(await line.run('run')).toBe(78)
    expect(said()).toMatch(/secret create/)
    expect(said()).not.toContain('password')
    expect(seen).toEqual([])
  })

  it('leaves the sign of another agent where it is', async () => {
    const other = JSON.stringify({
      pid: 1,
      id: 'x',
      proxy: 'http://127.0.0.1:1',
      page: 'http://127.0.0.1:2',
      startedAt: 0
    })
    pretend(async () => {
      await writeFile(filesIn(line.folder).running, other)
    })
    line.stdin.end()
    expect(await line.run('run', '--stop-on-stdin-end')).toBe(0)
    expect(await readFile(filesIn(line.folder).running, 'utf8')).toBe(other)
  })

  it('leaves no sign of an agent that did not come up', async () => {
    line.services.createAgent = async () => {
      throw new StarlingError('folder-in-use', 'another agent runs on this folder: stop it first')
    }
    expect(await line.run('run')).toBe(1)
    expect(said()).toBe('starling: another agent runs on this folder: stop it first')
    expect(await readdir(line.folder)).toEqual([])
  })

  it('does not take the sign of the agent that runs away from it', async () => {
    await line.startAgent()
    const before = await readFile(filesIn(line.folder).running, 'utf8')
    line.services.createAgent = async () => {
      throw new StarlingError('folder-in-use', 'another agent runs on this folder')
    }
    expect(await line.run('run')).toBe(1)
    expect(await readFile(filesIn(line.folder).running, 'utf8')).toBe(before)
  })
})

describe('membership', () => {
  it('is asked for with a ticket that is one, and for that alone a folder is made', async () => {
    const folder = join(line.folder, 'new')
    expect(await line.run('join', 'hello', '--data', folder)).toBe(1)
    expect(said()).toMatch(/not a ticket/)
    expect(await stat(folder).catch(() => null)).toBeNull()
  })

  it('with a secret: one is made once, for its owner alone', async () => {
    expect(await line.run('secret', 'create')).toBe(0)
    const file = filesIn(line.folder).fleetSecret
    expect(line.out).toEqual([file])
    const secret = await readFile(file, 'utf8')
    // On Windows a mode is 666 or 444, whatever was asked; there the folder's access list protects the file.
    expect((await stat(file)).mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o600)
    expect(await line.run('secret', 'create')).toBe(1)
    expect(said()).toMatch(/exists already/)
    expect(await readFile(file, 'utf8')).toBe(secret)
    expect(await line.run('secret', 'create', '-')).toBe(0)
    expect(line.out.length).toBe(1)
    expect(line.out[0]).not.toBe(secret.trim())
    await mkdir(join(line.folder, 'sub'))
    expect(await line.run('secret', 'create', join(line.folder, 'sub', 'fleet'))).toBe(0)
  })
})
