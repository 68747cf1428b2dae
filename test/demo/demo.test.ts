import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { demoFile, requireSpace } from './demo-file.ts'
import { parseOptions } from './options.ts'
import { resultLines, resultOf, type AgentResult, type RunFigures } from './result.ts'
import { createScreen, type AgentProgress } from './screen.ts'
import { bytesText, median, table } from './words.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-demo-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const agent = (name: string, given: Partial<AgentResult> = {}): AgentResult => ({
  name,
  id: `id of ${name}`,
  page: 'http://127.0.0.1:1',
  fromPeers: 64 * MiB,
  fromGateway: 0,
  fromOrigin: 0,
  wasted: 0,
  sha256: 'aa'.repeat(32),
  seconds: 2,
  ...given
})
const run = (given: Partial<RunFigures> = {}): RunFigures => ({
  length: 64 * MiB,
  wanBytes: 64 * MiB,
  wanCountedBy: 'origin',
  gateway: null,
  wanRate: null,
  elapsedMs: 2000,
  sha256: 'aa'.repeat(32),
  agents: [agent('one'), agent('two')],
  ...given
})

describe('the result', () => {
  test('one copy and an extent are as promised, a byte more is not', () => {
    expect(resultOf(run({ wanBytes: 68 * MiB })).problem).toBeNull()
    expect(resultOf(run({ wanBytes: 68 * MiB + 1 })).problem).toContain('crossed the WAN')
  })

  test('one agent with other bytes is a problem, and so are agents that agree on what is not the file', () => {
    expect(resultOf(run({ agents: [agent('one'), agent('two', { sha256: 'bb' })] })).sha256Equal).toBe(false)
    expect(resultOf(run({ sha256: 'cc' })).problem).toContain('SHA-256')
  })

  test('the share from the LAN counts what came from peers and the gateway, of all that was received', () => {
    const agents = [
      agent('one', { fromPeers: 16 * MiB, fromGateway: 16 * MiB, fromOrigin: 32 * MiB }),
      agent('two')
    ]
    expect(resultOf(run({ agents })).shareFromLan).toBe(0.75)
  })

  test('the table says it in plain words', () => {
    const figures = run({ gateway: { fromOrigin: 64 * MiB, page: null }, wanRate: 32 * MiB })
    expect(resultLines(figures, resultOf(figures)).join('\n')).toMatchInlineSnapshot(`
      "          from peers   from gateway   from origin    time         SHA-256
      one         64.0 MiB            0 B           0 B   2.0 s   aaaaaaaaaaaa…
      two         64.0 MiB            0 B           0 B   2.0 s   aaaaaaaaaaaa…
      gateway                                  64.0 MiB

      SHA-256             all equal
      over the WAN        64.0 MiB for a file of 64.0 MiB, counted by the origin
      WAN amplification   1.00   (2 downloads side by side: 2.00)
      from the LAN        100.0 % of what the agents got
      time                2.0 s   (the line alone needs 2.0 s for one copy, 4.0 s for 2)"
    `)
  })
})

describe('the screen', () => {
  const progress: AgentProgress = {
    name: 'agent-1',
    fromPeers: 8 * MiB,
    fromGateway: 8 * MiB,
    fromOrigin: 0,
    delivered: 16 * MiB,
    length: 64 * MiB
  }

  test('redraws in place on a terminal', () => {
    const written: string[] = []
    const screen = createScreen(
      { write: text => written.push(text), isTTY: true, columns: 110 },
      { NO_COLOR: '1' }
    )
    screen.progress([progress], 5 * MiB, 100)
    screen.progress([progress], 6 * MiB, 350)
    expect(written[0]).toContain('█████')
    expect(written[0]).toContain('25 %')
    expect(written[0]!.split('\n').length - 1, 'a line for the agent and one for the WAN').toBe(2)
    expect(written[1]!.startsWith('\u001b[2A'), 'the second goes up again').toBe(true)
    for (const line of written[0]!.replaceAll('\u001b[2K', '').split('\n'))
      expect(line.length).toBeLessThanOrEqual(110)
  })

  test('a full bar is full, whatever the parts were', () => {
    const written: string[] = []
    const screen = createScreen(
      { write: text => written.push(text), isTTY: true, columns: 110 },
      { NO_COLOR: '1' }
    )
    const thirds = { fromPeers: (64 / 3) * MiB, fromGateway: (64 / 3) * MiB, fromOrigin: (64 / 3) * MiB }
    screen.progress([{ ...progress, ...thirds, delivered: 64 * MiB }], 0, 0)
    expect(written[0]).toContain('100 %')
    expect(written[0]).not.toContain('░')
  })

  test('appends a line a second elsewhere', () => {
    const written: string[] = []
    const screen = createScreen({ write: text => written.push(text) }, {})
    for (let ms = 0; ms <= 2000; ms += 250) screen.progress([progress], 0, ms)
    expect(written).toHaveLength(3)
    expect(written.join('')).not.toContain('\u001b')
  })
})

describe('what one can say', () => {
  test('nothing, a file, a URL', () => {
    const path = join(folder, 'a.bin')
    writeFileSync(path, 'bytes')
    expect(parseOptions([]).subject).toEqual({ kind: 'made' })
    expect(parseOptions([path, '--once', '--json'])).toMatchObject({
      subject: { kind: 'file', path },
      once: true,
      json: true
    })
    expect(parseOptions(['http://example.org/a', '--wan-mbit', '0'])).toMatchObject({
      subject: { kind: 'url', url: 'http://example.org/a' },
      wanRate: null
    })
  })

  test.each([
    [['/no/such/file'], 'there is no file'],
    [[tmpdir()], 'not a file'],
    [['https://example.org/'], 'https'],
    [['--wan-mbit', 'fast'], '--wan-mbit'],
    [['--onec'], '--help'],
    [['a', 'b'], 'not several']
  ])('%j is refused with a word on why', (args, word) => {
    expect(() => parseOptions(args)).toThrow(word)
  })
})

describe('the file', () => {
  test('is made once, and nothing half-made is left', async () => {
    const said: string[] = []
    const path = await demoFile(folder, 3 * MiB, text => said.push(text))
    const { size, mtimeMs } = statSync(path)
    expect(size).toBe(3 * MiB)
    expect(await demoFile(folder, 3 * MiB, text => said.push(text))).toBe(path)
    expect(statSync(path).mtimeMs).toBe(mtimeMs)
    expect(said).toHaveLength(1)
    expect(readdirSync(folder)).toHaveLength(1)
  })

  test('too little room is said before anything is written', () => {
    expect(() => requireSpace(folder, 1e18)).toThrow('make room')
  })
})

test('numbers for people', () => {
  expect([0, 1023, 1024, 5 * MiB, 20 * 1024 * MiB].map(bytesText)).toEqual([
    '0 B',
    '1023 B',
    '1 KiB',
    '5.0 MiB',
    '20.0 GiB'
  ])
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(
    table([
      ['a', 'bb'],
      ['ccc', 'd']
    ])
  ).toEqual(['a     bb', 'ccc    d'])
})
