import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildDebs, type BuiltDeb } from './debs.ts'

/** What takes long is asked for: see life.test.ts. */
const asked = process.env['STARLING_TEST_DEBIAN'] === '1'
const missing = ['dpkg-deb', ...(asked ? ['lintian'] : [])].filter(
  tool => spawnSync('which', [tool]).status !== 0
)
const install = 'apt-get install -y --no-install-recommends dpkg lintian'
if (missing.length > 0) {
  if (process.env['CI'] === 'true') expect.fail(`${missing.join(' and ')} missing: ${install}`)
  process.stderr.write(
    `\n*** no ${missing.join(' and ')} here: the tests of .debs are skipped. Run: ${install}\n`
  )
}

const house = openHouse()
afterAll(() => house.close())

/** The real one is 150 MB; how it runs is shown in life.test.ts. */
function smallNode(): string {
  const folder = house.folder('node')
  mkdirSync(join(folder, 'bin'))
  cpSync('/bin/true', join(folder, 'bin', 'node'))
  return folder
}

describe.skipIf(missing.length > 0)('the packages for Debian', () => {
  const node = smallNode()
  const thirdParties = async (_program: string, _platform: string, packages: readonly string[]) =>
    ['node', ...packages.map(folder => folder.split('/node_modules/').at(-1)!)].map(name => ({
      name,
      version: '1.0.0',
      licence: 'MIT',
      text: `What all the world allows.\n`,
      purl: null,
      kind: 'library' as const
    }))
  let debs: readonly BuiltDeb[]
  const build = async (): Promise<readonly BuiltDeb[]> =>
    await buildDebs(house.folder('debs'), { node, thirdParties, compression: 'fast', version: '1.2.3' })
  const [agent, coordinator] = [() => debs[0]!.file, () => debs[1]!.file]
  const read = (deb: string, path: string): string =>
    execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -xO ".$2"', 'sh', deb, path], {
      encoding: 'utf8'
    })
  beforeAll(async () => void (debs = await build()), 120_000)

  it('built again from the same, they are the same bytes', { timeout: 120_000 }, async () => {
    const sums = (built: readonly BuiltDeb[]) =>
      built.map(({ file }) => createHash('sha256').update(readFileSync(file)).digest('hex'))
    expect(sums(await build())).toEqual(sums(debs))
  })

  it('only root may read the settings, and an upgrade leaves them alone', () => {
    const listed = execFileSync('dpkg-deb', ['--contents', agent()], { encoding: 'utf8' })
    expect(listed).toMatch(/^-rw-r----- root\/root .* \.\/etc\/default\/starling$/m)
    expect(execFileSync('dpkg-deb', ['--info', agent(), 'conffiles'], { encoding: 'utf8' })).toBe(
      '/etc/default/starling\n'
    )
    expect(listed.trim()).not.toMatch(/^(?!.{10} root\/root )/m)
  })

  it('nothing is left of what a template leaves open', () => {
    for (const [deb, name] of [
      [agent(), 'starling'],
      [coordinator(), 'starling-coordinator']
    ] as const) {
      const texts = [
        ...['postinst', 'prerm', 'postrm'].map(script =>
          execFileSync('dpkg-deb', ['--info', deb, script], { encoding: 'utf8' })
        ),
        read(deb, `/usr/bin/${name}`),
        read(deb, `/usr/lib/systemd/system/${name}.service`)
      ]
      for (const text of texts) {
        expect(text).toContain(name)
        expect(text).not.toMatch(/@[A-Z]+@/)
      }
    }
  })

  it('the manual page knows every setting, and the licences of all are there', () => {
    const page = execFileSync('sh', [
      '-c',
      'dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/man/man8/starling.8.gz | gunzip',
      'sh',
      agent()
    ]).toString()
    expect(page).toContain('\\fB\\-\\-cache\\-quota <size>\\fR')
    expect(read(agent(), '/usr/share/doc/starling/copyright')).toMatch(
      /node 1\.0\.0 \(MIT\)[^]*libp2p 1\.0\.0[^]*What all the world allows\.\n$/
    )
  })

  it.runIf(asked)('Debian finds nothing wrong with them', { timeout: 120_000 }, () => {
    const { stdout, status } = spawnSync('lintian', ['--fail-on', 'error,warning', agent(), coordinator()], {
      encoding: 'utf8'
    })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })
})
