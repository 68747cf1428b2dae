/**
 * The lab in small: four real agents with a network namespace each, found by mDNS, behind a shaped line. Wants root and
 * iproute2; CI has both.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, test } from 'vitest'
import type { LabFigures } from '../lab/figures.ts'
import { namespacesNow, whyNoNamespaces } from '../lab/namespaces.ts'
import { houseRoot } from './program.ts'

const whyNot = whyNoNamespaces()
if (whyNot !== null) console.warn(`\nSKIPPED, the lab is not tested: ${whyNot}\n`)

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

function startLab(...args: string[]) {
  const lab = spawn(process.execPath, [resolve(houseRoot, 'test/lab/main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
  children.push(lab)
  return lab
}

const namespacesOf = (pid: number): string[] =>
  namespacesNow().filter(name => name.startsWith(`starling-lan-${pid}-`))

test.runIf(whyNot !== null && process.env.CI === 'true')('the lab can be built, as it must be in CI', () => {
  expect(whyNot).toBeNull()
})

describe.runIf(whyNot === null)('the lab', () => {
  test('four agents without servers fetch one copy over a shaped line, and nothing is left behind', async () => {
    const lab = startLab('--agents', '4', '--size', '16MiB', '--wan', '40mbit', '--json')
    const [out, err, [code]] = await Promise.all([text(lab.stdout), text(lab.stderr), once(lab, 'close')])
    expect(code, err).toBe(0)
    const figures = JSON.parse(out.trim().split('\n').at(-1)!) as LabFigures
    expect(figures.violations).toEqual([])
    expect(figures.wanAmplification).toBeGreaterThanOrEqual(1)
    expect(figures.wanAmplification).toBeLessThanOrEqual(1.1)
    expect(figures.shareFromLan).toBeGreaterThan(0.6)
    // The line is truly shaped, and truly counted: no faster than 40 Mbit/s, headers on top.
    expect(figures.lowerBoundMs).toBeGreaterThan((16 * 1024 * 1024 * 8) / 40_000)
    expect(figures.wireAmplification).toBeGreaterThan(figures.wanAmplification)
    expect(namespacesOf(lab.pid!)).toEqual([])
  }, 60_000)

  test('Ctrl-C takes everything away', async () => {
    const lab = startLab('--agents', '2', '--size', '16MiB', '--wan', '10mbit')
    const ended = once(lab, 'close')
    for await (const line of createInterface(lab.stderr)) if (line.includes('alone on the line')) break
    expect(namespacesOf(lab.pid!)).not.toEqual([])
    lab.kill('SIGINT')
    expect((await ended)[0]).toBe(130)
    expect(namespacesOf(lab.pid!)).toEqual([])
  }, 60_000)

  test('what a killed lab has left behind is removed with --clean', async () => {
    const lab = startLab('--agents', '2', '--size', '16MiB', '--wan', '10mbit')
    const ended = once(lab, 'close')
    for await (const line of createInterface(lab.stderr)) if (line.includes('alone on the line')) break
    lab.kill('SIGKILL')
    await ended
    expect(namespacesOf(lab.pid!)).not.toEqual([])
    const clean = startLab('--clean')
    expect((await once(clean, 'close'))[0]).toBe(0)
    expect(namespacesOf(lab.pid!)).toEqual([])
  }, 60_000)
})
