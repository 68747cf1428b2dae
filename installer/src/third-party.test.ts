import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, describe, expect, it } from 'vitest'
import { bundleProgram } from './bundle.ts'
import { isShippable, licenceText } from './licence-kinds.ts'
import { writeLicences } from './licences.ts'
import { sbomOf } from './sbom.ts'
import { thirdParties } from './third-party.ts'

const house = openHouse()
afterAll(() => house.close())

it.each([
  ['MIT', true],
  ['(GPL-3.0-only OR MIT)', true],
  ['MIT AND GPL-3.0-only', false],
  ['GPL-3.0-only', false],
  ['none', false],
  ['SEE LICENSE IN EULA.txt', false]
])('%s may be shipped: %s', (expression, expected) => {
  expect(isShippable(expression)).toBe(expected)
})

it('a licence without a file is written out when we know its words, and asked for when not', async () => {
  expect(await licenceText('MIT', 'Ada', 'engine')).toContain('Copyright (c) Ada')
  expect(await licenceText('Apache-2.0 OR MIT', 'Ada', 'engine')).toContain('Apache License')
  await expect(licenceText('BSD-3-Clause', 'Ada', 'engine')).rejects.toMatchObject({
    code: 'licence',
    message: expect.stringContaining('engine') as string
  })
})

describe.each(['agent', 'coordinator'] as const)('of all that is in the %s', program => {
  it('the licence goes with it, and the SBOM names it', { timeout: 120_000 }, async () => {
    const folder = house.folder(program)
    const { packages } = await bundleProgram(program, 'linux-x64', join(folder, 'app'))
    const parts = await thirdParties(program, 'linux-x64', packages)
    const names = new Set(parts.map(part => part.name))
    const bundled = packages.map(path => path.split('node_modules/').at(-1)!)
    expect(bundled.filter(name => !names.has(name))).toEqual([])
    // What is not a package, or is in the page only.
    expect([...names]).toEqual(expect.arrayContaining(['node', 'leveldb', 'snappy', 'preact', 'uplot']))
    expect(parts.filter(part => part.text.length < 400).map(part => part.name)).toEqual([])

    await writeLicences(join(folder, 'licences'), parts)
    const read = (name: string): Promise<string> => readFile(join(folder, 'licences', name), 'utf8')
    const text = (
      await Promise.all(['packages.txt', 'node.txt', 'leveldb.txt', 'snappy.txt'].map(read))
    ).join()
    const asWritten = (it: string): string => it.trim().replaceAll(/\r?\n/g, '\r\n')
    expect(parts.filter(part => !text.includes(asWritten(part.text))).map(part => part.name)).toEqual([])

    const sbom = sbomOf('Starling', '1.2.3', 'starling.msi', 'ab'.repeat(32), parts)
    expect(sbomOf('Starling', '1.2.3', 'starling.msi', 'ab'.repeat(32), parts)).toBe(sbom)
    const said = JSON.parse(sbom) as {
      readonly components: ReadonlyArray<{ readonly name: string; readonly version: string }>
    }
    expect(new Set(said.components.map(it => `${it.name}@${it.version}`))).toEqual(
      new Set(parts.map(it => `${it.name}@${it.version}`))
    )
    expect(sbom).not.toMatch(/timestamp/)
  })
})
