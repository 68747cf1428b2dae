import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCommandLine, type CommandLine } from '../../../test/doubles/command-line.ts'
import {
  makePeer,
  makeStatus,
  makeTransfer,
  selfId,
  type LocalPage
} from '../../../test/doubles/local-page.ts'
import { makeHealth, makeWhy } from '../../../test/doubles/made-insight.ts'

const id = 'ab'.repeat(32)
const key = 'origin.example/a.msu'
let line: CommandLine
let page: LocalPage
beforeEach(async () => {
  line = await createCommandLine(120)
  page = await line.startAgent()
  page.status = makeStatus({
    transfers: [
      makeTransfer({ transfer: id, key, keptBytes: 5 * MiB, readers: 1 }),
      makeTransfer({ transfer: 'cd'.repeat(32), key: 'origin.example/b' })
    ]
  })
})
afterEach(() => line.close())

const out = () => line.out.join('\n')
const said = () => line.notes.join('\n')

describe('starling why', () => {
  it('tells what is under way in sentences: sources, limits, peers, claims', async () => {
    expect(await line.run('why')).toBe(0)
    expect(out()).toMatch(/origin\.example\/a\.msu/)
    expect(out()).not.toMatch(/origin\.example\/b/)
    expect(out()).toMatch(/comes from 1 peers \(2 chunks are asked for\)/)
    expect(out()).toMatch(/limited to 977 KiB\/s at this hour/)
    expect(out()).toMatch(/\.\.\.PeerPee1 +agent +100 % +10 chunks +2 chunks are asked of it/)
    expect(out()).toMatch(/8-11 +\.\.\.PeerPee1 +1\.00 MiB/)
  })

  it.each([key, 'abab', `http://${key}`])('finds it by %s', async name => {
    expect(await line.run('why', name, '--json')).toBe(0)
    expect(JSON.parse(line.out[0]!)).toMatchObject([{ transfer: id, missingChunks: 10 }])
  })

  it('says what to do when there is nothing', async () => {
    expect(await line.run('why', 'http://origin.example/none')).toBe(1)
    expect(said()).toMatch(/starling explain/)
    page.status = makeStatus()
    expect(await line.run('why')).toBe(0)
    expect(out()).toMatch(/nothing is under way/)
  })

  it('tells what policy is in the way, and names from the network as text', async () => {
    page.insight = {
      ...page.insight,
      why: async transfer =>
        makeWhy({
          transfer,
          policy: [
            { code: 'peering-not-allowed', params: { why: 'DODownloadMode is 0 (HTTP only)' } },
            { code: 'peers-refused', params: { reason: '\u001b[31mother-fleet', count: 2 } }
          ]
        })
    }
    await line.run('why', key)
    expect(out()).toMatch(/policy: no peers: DODownloadMode is 0/)
    expect(out()).toMatch(/2 contacts with agents failed: \ufffd\[31mother-fleet/)
  })

  it('goes on with --watch until Ctrl-C', async () => {
    const running = line.run('why', '--watch', '--json')
    while (line.out.length < 2) await new Promise(setImmediate)
    line.interrupt()
    expect(await running).toBe(0)
  }, 20_000)

  it('and says so when the agent goes away meanwhile', async () => {
    const running = line.run('why', '--watch', '--json')
    while (line.out.length < 1) await new Promise(setImmediate)
    await page.stop()
    expect(await running).toBe(1)
    expect(said()).toMatch(/the agent has stopped/)
  }, 20_000)
})

describe('starling peers', () => {
  it('tells how each does, and who is banned and why', async () => {
    page.status = makeStatus({ peers: [makePeer({ id: selfId, bytesFrom: MiB })] })
    expect(await line.run('peers')).toBe(0)
    expect(out()).toMatch(/0\.7 ms +1\.00 MiB/)
    expect(out()).toMatch(/good/)
    expect(out()).toMatch(/banned: 12D3KooWPeer\S+ until \S+Z \(sent corrupt chunks\)/)
  })
})

describe('starling doctor', () => {
  it('prints each check, and is content when nothing is bad', async () => {
    expect(await line.run('doctor')).toBe(0)
    expect(out()).toMatch(/ok +proxy +answered a request in 3 ms/)
  })

  it('says what to do, and ends with 1 when something is', async () => {
    const broken = {
      name: 'proxy',
      state: 'bad',
      code: 'proxy-fails',
      params: {},
      text: 'did not answer',
      advice: 'restart the agent'
    } as const
    page.insight = { ...page.insight, health: async () => makeHealth({ state: 'bad', checks: [broken] }) }
    expect(await line.run('doctor')).toBe(1)
    expect(out()).toMatch(/BAD +proxy +did not answer\n +-> restart the agent/)
    expect(said()).toMatch(/something is wrong: proxy/)
    expect(await line.run('doctor', '--json')).toBe(1)
    expect(JSON.parse(line.out[0]!).checks).toEqual([broken])
  })
})

describe('starling support-bundle', () => {
  it('saves what the agent gives, for its user alone, and never over a file', async () => {
    const file = join(line.folder, 'bundle.zip')
    let names: boolean | null = null
    page.insight = {
      ...page.insight,
      supportBundle: async withNames => {
        names = withNames
        return new Uint8Array([0, 255, 10, 13])
      }
    }
    expect(await line.run('support-bundle', file)).toBe(0)
    expect([...(await readFile(file))]).toEqual([0, 255, 10, 13])
    // On Windows the folder's access list protects it.
    expect((await stat(file)).mode & (process.platform === 'win32' ? 0 : 0o077)).toBe(0)
    expect(names).toBe(false)
    expect(await line.run('support-bundle', file)).toBe(1)
    expect(said()).toMatch(/is there already/)
    expect(await line.run('support-bundle', `${file}2`, '--names')).toBe(0)
    expect(names).toBe(true)
  })
})

describe('starling page', () => {
  it('opens an address with a code that gives the token once', async () => {
    let opened = ''
    line.services.openBrowser = async address => {
      opened = address
    }
    expect(await line.run('page')).toBe(0)
    const [, code] = /#code=([\w-]+)$/.exec(opened)!
    const redeem = () =>
      fetch(`${page.address}/api/v1/page-code/redeem`, { method: 'POST', body: JSON.stringify({ code }) })
    const { token } = (await (await redeem()).json()) as { token: string }
    expect(await readFile(join(line.folder, 'page.token'), 'utf8')).toBe(`${token}\n`)
    expect((await redeem()).status).toBe(403)
    expect(said()).not.toContain(code)
  })

  it('prints it where there is no browser', async () => {
    expect(await line.run('page')).toBe(1)
    expect(said()).toMatch(/open http:\/\/127\.0\.0\.1:\d+\/#code=[\w-]+ within a minute/)
    expect(await line.run('page', '--print')).toBe(0)
    expect(out()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#code=[\w-]+$/)
  })
})
