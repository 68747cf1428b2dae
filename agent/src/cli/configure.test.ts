import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCommandLine, type CommandLine } from '../../../test/doubles/command-line.ts'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { filesIn } from '../config.ts'
import type { ClientResult, ClientSettingsPort, ServingAgent } from '../ports.ts'
import { exitCodes } from './exit.ts'

let line: CommandLine
let asked: unknown[]
let served: ServingAgent | null
const change = { place: 'HKLM\\x\\DOCacheHost', from: '(not set)', to: '127.0.0.1' }
const done = (changes: ClientResult['changes']): ClientResult => ({
  item: 'delivery-optimization',
  level: 'machine',
  changes,
  notes: ['a note']
})
let settings: ClientSettingsPort

beforeEach(async () => {
  line = await createCommandLine()
  asked = []
  served = null
  settings = {
    items: ['delivery-optimization', 'wsus'],
    list: async agent => {
      served = agent
      return []
    },
    apply: async (item, level, agent, { dryRun, tell }) => {
      served = agent
      asked.push([item, level, dryRun])
      if (item === 'wsus') throw new StarlingError('refused', 'wsus is not applied: no WSUS')
      tell(change)
      return done([change])
    },
    undo: async (item, level, { dryRun }) => {
      asked.push([item, level, dryRun])
      return item === null ? [done([change])] : []
    }
  }
  line.services.clientSettings = async () => settings
})
afterEach(() => line.close())

describe('starling configure', () => {
  it('wants to know what to do', async () => {
    for (const words of [
      [],
      ['--list', '--undo', 'all'],
      ['--apply', 'bit'],
      ['--apply', 'toString'],
      ['--apply', 'pac', '--level', 'me'],
      ['--undo', 'all', '--level', 'nonsense'],
      ['--list', '--level', 'nonsense'],
      ['--apply', 'pac', '--wait', 'x']
    ])
      expect(await line.run('configure', ...words), words.join(' ')).toBe(exitCodes.usage)
    expect(asked).toEqual([])
  })

  it('says each change, and what is worth knowing', async () => {
    expect(
      await line.run('configure', '--apply', 'delivery-optimization', '--what-if', '--level', 'machine')
    ).toBe(0)
    expect(asked).toEqual([['delivery-optimization', 'machine', true]])
    expect(line.out).toEqual([
      'HKLM\\x\\DOCacheHost: (not set) -> 127.0.0.1',
      'delivery-optimization: nothing was changed'
    ])
    expect(line.notes).toEqual(['delivery-optimization: a note'])
    expect(await line.run('configure', '--undo', 'all')).toBe(0)
    expect(line.out).toEqual(['delivery-optimization: put back'])
    expect(await line.run('configure', '--undo', 'wsus')).toBe(0)
    expect(line.out).toEqual(['wsus: Starling has changed nothing there'])
    await line.run('configure', '--undo', 'pac', '--level', 'user')
    expect(asked.at(-1)).toEqual(['pac', 'user', false])
  })

  it('stops at the first that cannot be, with exit code 1, and as JSON with all that was done', async () => {
    const words = ['configure', '--apply', 'delivery-optimization', 'wsus', '--dry-run', '--json']
    expect(await line.run(...words)).toBe(exitCodes.failed)
    expect(JSON.parse(line.out.join(''))).toEqual([
      done([change]),
      { item: 'wsus', error: { code: 'refused', message: 'wsus is not applied: no WSUS' } }
    ])
    expect(line.notes.join('')).toMatch(/no WSUS/)
  })

  it('does nothing without an agent but tell what would be', async () => {
    expect(await line.run('configure', '--apply', 'delivery-optimization', '--wait', '0')).toBe(
      exitCodes.failed
    )
    expect([line.notes.join(''), asked]).toEqual([expect.stringMatching(/no agent runs/), []])
    expect(await line.run('configure', '--list')).toBe(0)
    expect(line.notes.join('')).toMatch(/No agent runs/)
  })

  it('finds an agent whose folder is closed to this user by its page', async () => {
    const page = await line.startAgent('http://127.0.0.1:8888')
    // Not a folder, so that it can be read by nobody, whoever runs this test.
    const closed = join(line.folder, 'closed')
    await writeFile(closed, '')
    line.env['STARLING_DATA'] = closed
    line.env['STARLING_PAGE_PORT'] = new URL(page.address).port
    expect([
      await line.run('configure', '--apply', 'delivery-optimization', '--wait', '0'),
      line.notes
    ]).toEqual([0, ['delivery-optimization: a note']])
    expect(served).toMatchObject({ host: '127.0.0.1', port: 8888 })
    await page.stop()
    expect(await line.run('configure', '--apply', 'delivery-optimization', '--wait', '0')).toBe(
      exitCodes.failed
    )
    expect(line.notes.join('')).toMatch(/no agent answers at port \d+, and .* is closed to this user/)
    line.env['STARLING_DATA'] = line.folder
  })

  it('knows the agent by its configuration', async () => {
    const config = {
      proxy: { host: '0.0.0.0', clients: ['10.0.0.0/8'], wsus: 'http://wsus.corp.example:8530' },
      cacheHost: { enabled: true },
      upstream: {
        servers: [{ name: 'p', kind: 'proxy', url: 'http://proxy.corp.example:3128' }],
        rules: [],
        allowPrivate: ['wsus.corp.example']
      },
      mirrors: [
        { name: 'npm', kind: 'npm', upstream: 'https://registry.example/' },
        { name: 'go', kind: 'go', upstream: 'https://goproxy.example/', private: ['corp.example'] }
      ]
    }
    await writeFile(filesIn(line.folder).config, JSON.stringify(config))
    await line.run('configure', '--list')
    expect(served).toMatchObject({
      host: '127.0.0.1',
      port: 17_831,
      cacheHost: { enabled: true, host: '127.0.0.1', port: 80 },
      wsus: 'http://wsus.corp.example:8530',
      goMirrors: [{ name: 'go', private: ['corp.example'] }],
      upstreamProxies: ['proxy.corp.example:3128']
    })
  })
})
