import { parse } from 'yaml'
import { describe, expect, it } from 'vitest'
import { wingetFiles, wingetManifests, wingetProblems, type Manifest } from './winget.ts'

const facts = {
  version: '0.1.0',
  productCode: '{0F3C1F6E-5B7A-4C0D-9E2B-1A2B3C4D5E6F}',
  upgradeCode: '{1D162B59-4342-4F0B-A6F1-C5F1362BD96C}',
  sha256: 'ab'.repeat(32),
  url: 'https://downloads.example/starling-0.1.0-x64.msi',
  homepage: 'https://starling.example/it: works',
  releaseDate: new Date('2026-11-26T20:00:00Z')
}
const homepage = 'https://starling.example/'

describe('the manifests for winget', () => {
  const files = wingetFiles({ ...facts, homepage })

  it('are three, and right as far as our rules go', () => {
    expect(Object.keys(files)).toEqual([
      'Starling.StarlingAgent.yaml',
      'Starling.StarlingAgent.installer.yaml',
      'Starling.StarlingAgent.locale.en-US.yaml'
    ])
    for (const { kind, manifest } of Object.values(files)) expect(wingetProblems(kind, manifest)).toEqual([])
  })

  it('are YAML that says the same, whatever stands in a text', () => {
    const written = wingetManifests(facts)
    for (const [name, { manifest }] of Object.entries(wingetFiles(facts))) {
      expect(written.get(name)).toMatch(
        /^# yaml-language-server: \$schema=https:\/\/aka\.ms\/winget-manifest\./
      )
      expect(parse(written.get(name)!)).toEqual(manifest)
    }
  })

  it('have what the MSI has: codes, version and hash', () => {
    const { manifest } = files['Starling.StarlingAgent.installer.yaml']!
    expect(manifest).toMatchObject({
      ProductCode: facts.productCode,
      AppsAndFeaturesEntries: [{ UpgradeCode: facts.upgradeCode, DisplayVersion: '0.1.0' }],
      Installers: [{ InstallerSha256: 'AB'.repeat(32), InstallerUrl: facts.url }]
    })
  })

  it.each<[string, Manifest, string]>([
    ['a field that is missing', { PackageVersion: undefined as never }, 'PackageVersion is missing'],
    ['a code without braces', { ProductCode: facts.productCode.slice(1, -1) }, 'ProductCode: 0F3C'],
    ['a word that winget does not know', { InstallerType: 'mst' }, 'InstallerType: mst does not fit'],
    ['a field that we know nothing of', { Licence: 'x' }, 'Licence is no field of ours'],
    [
      'an address that is none',
      { Installers: [{ Architecture: 'x64', InstallerUrl: 'C:\\a.msi', InstallerSha256: 'AB'.repeat(32) }] },
      'InstallerUrl'
    ],
    [
      'a hash in small letters',
      { Installers: [{ Architecture: 'x64', InstallerUrl: facts.url, InstallerSha256: facts.sha256 }] },
      'InstallerSha256'
    ]
  ])('do not pass with %s', (_, change, said) => {
    const { manifest } = files['Starling.StarlingAgent.installer.yaml']!
    const changed = Object.fromEntries(
      Object.entries({ ...manifest, ...change }).filter(([, value]) => value !== undefined)
    )
    expect(wingetProblems('installer', changed).join('\n')).toContain(said)
  })
})
