/**
 * The three manifests that winget wants of a version (learn.microsoft.com, "Create your package manifest"; schema 1.12). The schema files are Microsoft's and in no
 * registry that we install from, so `wingetProblems` holds the manifests to the rules of that schema which concern us, written down here.
 */
export interface WingetFacts {
  readonly version: string
  /** From the MSI: `{...}` in capitals. */
  readonly productCode: string
  readonly upgradeCode: string
  /** Of the file, as hexadecimal digits. */
  readonly sha256: string
  /** Where it is downloaded from, https. */
  readonly url: string
  /** Of this project, for people. */
  readonly homepage: string
  readonly releaseDate: Date
}

export const wingetId = 'Starling.StarlingAgent'
const schemaVersion = '1.12.0'
const locale = 'en-US'

export interface Manifest {
  readonly [key: string]: Value
}
type Item = string | Manifest
type Value = Item | readonly Item[]
type Kind = 'version' | 'installer' | 'defaultLocale'

/** By file name: what goes into one folder of winget's repository, or of one's own source. */
export function wingetManifests(facts: WingetFacts): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(wingetFiles(facts)).map(([name, { kind, manifest }]) => [name, textOf(kind, manifest)])
  )
}

export function wingetFiles({
  version,
  productCode,
  upgradeCode,
  sha256,
  url,
  homepage,
  releaseDate
}: WingetFacts): Readonly<Record<string, { readonly kind: Kind; readonly manifest: Manifest }>> {
  const head = { PackageIdentifier: wingetId, PackageVersion: version }
  const tail = (kind: Kind) => ({ ManifestType: kind, ManifestVersion: schemaVersion })
  return {
    [`${wingetId}.yaml`]: {
      kind: 'version',
      manifest: { ...head, DefaultLocale: locale, ...tail('version') }
    },
    [`${wingetId}.installer.yaml`]: {
      kind: 'installer',
      manifest: {
        ...head,
        Platform: ['Windows.Desktop'],
        MinimumOSVersion: '10.0.17763.0',
        InstallerType: 'msi',
        Scope: 'machine',
        InstallModes: ['silent', 'silentWithProgress'],
        UpgradeBehavior: 'install',
        ElevationRequirement: 'elevationRequired',
        ProductCode: productCode,
        ReleaseDate: releaseDate.toISOString().slice(0, 10),
        AppsAndFeaturesEntries: [
          {
            DisplayName: 'Starling Agent',
            Publisher: 'Starling',
            DisplayVersion: version,
            ProductCode: productCode,
            UpgradeCode: upgradeCode
          }
        ],
        Installers: [{ Architecture: 'x64', InstallerUrl: url, InstallerSha256: sha256.toUpperCase() }],
        ...tail('installer')
      }
    },
    [`${wingetId}.locale.${locale}.yaml`]: {
      kind: 'defaultLocale',
      manifest: {
        ...head,
        PackageLocale: locale,
        Publisher: 'Starling',
        PackageName: 'Starling Agent',
        PackageUrl: homepage,
        License: 'Apache-2.0',
        ShortDescription: 'Gets updates once for a site and shares them among its Windows endpoints.',
        Tags: ['bits', 'cache', 'delivery-optimization', 'peer-to-peer', 'windows-update', 'wsus'],
        ...tail('defaultLocale')
      }
    }
  }
}

function textOf(kind: Kind, manifest: Manifest): string {
  const schema = `# yaml-language-server: $schema=https://aka.ms/winget-manifest.${kind}.${schemaVersion}.schema.json`
  return `${schema}\n\n${linesOf(manifest, '').join('\n')}\n`
}

/** Each text in single quotes, where a colon, a brace or a number means nothing. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

function linesOf(manifest: Manifest, indent: string): string[] {
  return Object.entries(manifest).flatMap(([key, value]) => {
    if (typeof value === 'string') return [`${indent}${key}: ${quoted(value)}`]
    if (!isList(value)) return [`${indent}${key}:`, ...linesOf(value, `${indent}  `)]
    return [
      `${indent}${key}:`,
      ...value.flatMap(item =>
        typeof item === 'string'
          ? [`${indent}- ${quoted(item)}`]
          : linesOf(item, `${indent}  `).map((line, index) =>
              index === 0 ? `${indent}- ${line.slice(indent.length + 2)}` : line
            )
      )
    ]
  })
}

const isList = (value: Value): value is readonly Item[] => Array.isArray(value)

interface Rule {
  readonly required?: true
  readonly form: RegExp | readonly string[]
  readonly lengthMax?: number
}

const guid = /^\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}$/
const version = /^[^\\/:*?"<>|\p{Cc}]+$/u
const address = /^https?:\/\/\S+$/
const shared: Readonly<Record<string, Rule>> = {
  PackageIdentifier: {
    required: true,
    form: /^[^.\s\\/:*?"<>|]{1,32}(\.[^.\s\\/:*?"<>|]{1,32}){1,7}$/,
    lengthMax: 128
  },
  PackageVersion: { required: true, form: version, lengthMax: 128 },
  ManifestVersion: { required: true, form: /^\d+\.\d+\.\d+$/ }
}
const language = /^[a-zA-Z]{2,3}(-[a-zA-Z]{4})?-[A-Z]{2}$/

/** What the schema of 1.12 says of the fields that we write, each by its path. */
const rules: Readonly<Record<Kind, Readonly<Record<string, Rule>>>> = {
  version: {
    ...shared,
    ManifestType: { required: true, form: ['version'] },
    DefaultLocale: { required: true, form: language, lengthMax: 20 }
  },
  installer: {
    ...shared,
    ManifestType: { required: true, form: ['installer'] },
    'Platform[]': { form: ['Windows.Desktop', 'Windows.Universal'] },
    MinimumOSVersion: { form: /^\d{1,5}(\.\d{1,5}){0,3}$/ },
    InstallerType: {
      form: [
        'msix',
        'msi',
        'appx',
        'exe',
        'zip',
        'inno',
        'nullsoft',
        'wix',
        'burn',
        'pwa',
        'portable',
        'font'
      ]
    },
    Scope: { form: ['user', 'machine'] },
    'InstallModes[]': { form: ['interactive', 'silent', 'silentWithProgress'] },
    UpgradeBehavior: { form: ['install', 'uninstallPrevious', 'deny'] },
    ElevationRequirement: { form: ['elevationRequired', 'elevationProhibited', 'elevatesSelf'] },
    ProductCode: { form: guid },
    ReleaseDate: { form: /^\d{4}-\d{2}-\d{2}$/ },
    'AppsAndFeaturesEntries[].DisplayName': { form: /\S/, lengthMax: 256 },
    'AppsAndFeaturesEntries[].Publisher': { form: /\S/, lengthMax: 256 },
    'AppsAndFeaturesEntries[].DisplayVersion': { form: version, lengthMax: 128 },
    'AppsAndFeaturesEntries[].ProductCode': { form: guid },
    'AppsAndFeaturesEntries[].UpgradeCode': { form: guid },
    'Installers[].Architecture': { required: true, form: ['x86', 'x64', 'arm', 'arm64', 'neutral'] },
    'Installers[].InstallerUrl': { required: true, form: address, lengthMax: 2048 },
    'Installers[].InstallerSha256': { required: true, form: /^[0-9A-F]{64}$/ }
  },
  defaultLocale: {
    ...shared,
    ManifestType: { required: true, form: ['defaultLocale'] },
    PackageLocale: { required: true, form: language, lengthMax: 20 },
    Publisher: { required: true, form: /\S.+/, lengthMax: 256 },
    PackageName: { required: true, form: /\S.+/, lengthMax: 256 },
    PackageUrl: { form: address, lengthMax: 2048 },
    License: { required: true, form: /\S{3}/, lengthMax: 512 },
    ShortDescription: { required: true, form: /\S.{2}/, lengthMax: 256 },
    'Tags[]': { form: /^\S+$/, lengthMax: 40 }
  }
}

/** What winget would refuse, by our own rules; none: as far as they go, it is right. */
export function wingetProblems(kind: Kind, manifest: Manifest): readonly string[] {
  const given = [...fieldsOf(manifest, '')]
  const known = rules[kind]
  const missing = Object.entries(known)
    .filter(([path, { required }]) => required === true && !given.some(([one]) => one === path))
    .map(([path]) => `${path} is missing`)
  const wrong = given.flatMap(([path, value]) => {
    const rule = known[path]
    if (rule === undefined) return [`${path} is no field of ours`]
    const fits = rule.form instanceof RegExp ? rule.form.test(value) : rule.form.includes(value)
    if (!fits) return [`${path}: ${value} does not fit`]
    return value.length > (rule.lengthMax ?? Infinity) ? [`${path} is longer than ${rule.lengthMax}`] : []
  })
  return [...missing, ...wrong]
}

function* fieldsOf(value: Value, path: string): Iterable<readonly [path: string, value: string]> {
  if (typeof value === 'string') yield [path, value]
  else if (isList(value)) for (const item of value) yield* fieldsOf(item, `${path}[]`)
  else
    for (const [key, inner] of Object.entries(value))
      yield* fieldsOf(inner, path === '' ? key : `${path}.${key}`)
}
