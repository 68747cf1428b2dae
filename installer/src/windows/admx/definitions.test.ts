/** Group Policy's files are whole, and what an editor writes by them is what an agent reads: from the registry to the configuration. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig, valueAt } from '@starling/agent/config-sources.ts'
import { createMachinePolicy, policyKeys } from '@starling/agent/policy-sources/machine-policy.ts'
import type { SourcedValue } from '@starling/agent/ports.ts'
import { registryFromText } from '@starling/agent/registry.ts'
import { machineField } from '@starling/shared/policy/machine-only.ts'
import { policyField } from '@starling/shared/policy/policy.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { definitionProblems } from './check.ts'
import { policyDefinitions } from './definitions.ts'
import { settings } from './setting.ts'
import { elementsIn, parseXml, type XmlElement } from './xml.ts'

const files = policyDefinitions()
const admxName = 'Starling.admx'
const english = 'en-US/Starling.adml'

const hasXmllint = spawnSync('xmllint', ['--version']).error === undefined

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-admx-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the policy definitions', () => {
  it('are for two languages, and an editor would take them', () => {
    expect([...files.keys()]).toEqual([admxName, english, 'zh-CN/Starling.adml'])
    expect(definitionProblems(files)).toEqual([])
  })

  it('have each policy, and what only the registry may say', () => {
    const names = elementsIn(parseXml(files.get(admxName)!), 'policy').map(one => one.attributes['name'])
    expect(names).toEqual(settings.map(({ name }) => name))
    expect(names).toEqual(expect.arrayContaining(['DODownloadMode', 'cacheQuotaBytes', 'ticket']))
  })

  it('say what a policy does, its values, its default and why', () => {
    const texts = elementsIn(parseXml(files.get(english)!), 'string')
    const text = (id: string) => texts.find(one => one.attributes['id'] === id)!.text
    expect(text('DOMinRAMAllowedToPeer')).toBe('Min RAM allowed to peer (DOMinRAMAllowedToPeer)')
    expect(text('DOMinRAMAllowedToPeer_Explain')).toMatch(
      /^Memory that a machine must have.*\n\nValue: a whole number \(GB\) from 1 to 100000\.\n\nDefault: 4\. Microsoft's/s
    )
    expect(text('cacheQuotaBytes_Explain')).toMatch(/Default: 20GiB\. A feature update/)
    expect(text('ticket_Explain')).toMatch(/every user and computer of the domain can read/)
    for (const one of texts) expect(one.text).not.toMatch(/undefined|\.\.(?!\.)|\[object/)
  })

  it.skipIf(!hasXmllint && process.env['CI'] === undefined)(
    'are well-formed to a parser of somebody else (apt-get install libxml2-utils)',
    async () => {
      for (const [path, text] of files) {
        const file = join(folder, path.replace('/', '-'))
        await writeFile(file, text)
        const { status, stderr } = spawnSync('xmllint', ['--noout', file], { encoding: 'utf8' })
        expect([status, stderr]).toEqual([0, ''])
      }
    }
  )
})

const broken: ReadonlyArray<
  readonly [what: string, file: string, from: string | RegExp, to: string, said: RegExp]
> = [
  [
    'a category that is not there',
    admxName,
    '<parentCategory ref="CAT_cache"/>',
    '<parentCategory ref="CAT_cash"/>',
    /parentCategory CAT_cash is not there/
  ],
  [
    'a supportedOn that is not there',
    admxName,
    '<supportedOn ref="SUPPORTED_Starling"/>',
    '<supportedOn ref="windows:SUPPORTED_X"/>',
    /supportedOn windows:SUPPORTED_X/
  ],
  ['a policy without a category', admxName, '<parentCategory ref="CAT_cache"/>', '', /has no parentCategory/],
  [
    'elements in the wrong order',
    admxName,
    /(<parentCategory ref="CAT_cache"\/>)(\s+)(<supportedOn ref="\w+"\/>)/,
    '$3$2$1',
    /wrong order/
  ],
  [
    'an element that nobody knows',
    admxName,
    '<multiText id="DOCacheHost"',
    '<manyTexts id="DOCacheHost"',
    /no element manyTexts/
  ],
  [
    'a key that stays behind',
    admxName,
    'key="SOFTWARE\\Policies\\Starling"',
    'key="SOFTWARE\\Starling"',
    /it would stay/
  ],
  [
    'two policies for one value',
    admxName,
    'valueName="uploadSlots"',
    'valueName="downloadslots"',
    /downloadslots is there twice/
  ],
  [
    'a range beyond a DWORD',
    admxName,
    'maxValue="4294967295"',
    'maxValue="4294967296"',
    /no range of a DWORD/
  ],
  [
    'a range upside down',
    admxName,
    'minValue="1" maxValue="100"',
    'minValue="101" maxValue="100"',
    /no range of a DWORD/
  ],
  ['a choice beyond a DWORD', admxName, '<decimal value="100"/>', '<decimal value="-1"/>', /-1 is no DWORD/],
  ['a class that is none', admxName, 'class="Both"', 'class="Everybody"', /class Everybody is none/],
  [
    'a text that is missing',
    english,
    '<string id="uploadSlots">',
    '<string id="uploadSlot">',
    /the text uploadSlots is missing/
  ],
  [
    'a text that nothing shows',
    english,
    '<stringTable>',
    '<stringTable><string id="old">Old</string>',
    /nothing shows the text old/
  ],
  ['a text that is empty', english, />Starling 0\.1 or later</, '><', /SUPPORTED_Starling is empty/],
  [
    'a presentation that is missing',
    english,
    '<presentation id="uploadSlots">',
    '<presentation id="slots">',
    /the presentation uploadSlots is missing/
  ],
  [
    'a control that shows nothing',
    english,
    'refId="uploadSlots"',
    'refId="slots"',
    /shows slots, which is no element/
  ],
  [
    'a control of the wrong kind',
    english,
    /<textBox refId="site">[\s\S]*?<\/textBox>/,
    '<decimalTextBox refId="site"/>',
    /cannot show site, which is text/
  ],
  [
    'a default that is not offered',
    english,
    'defaultItem="1"',
    'defaultItem="17"',
    /item 17, which is not there/
  ],
  [
    'a default out of range',
    english,
    'refId="upstreamSlots" defaultValue="2"',
    'refId="upstreamSlots" defaultValue="65"',
    /filled in with 65/
  ],
  ['a tag that does not end', english, '</stringTable>', '', /ends </],
  [
    'a sign that XML does not take',
    english,
    'Starling 0.1 or later',
    'Starling 0.1 & later',
    /not well-formed/
  ]
]

describe('the check of the definitions', () => {
  it.each(broken)('finds %s', (_, file, from, to, said) => {
    const text = files.get(file)!
    const changed = text.replace(from, to)
    expect(changed).not.toBe(text)
    expect(definitionProblems(new Map([...files, [file, changed]])).join('\n')).toMatch(said)
  })

  it('finds that a language is missing', () => {
    const without = new Map([...files].filter(([path]) => path !== english))
    expect(definitionProblems(without).join('\n')).toMatch(/there is no en-US/)
  })
})

/** As `reg query /s` tells what the editor has written: a type and a text. */
type Written = readonly [type: 'REG_DWORD' | 'REG_SZ' | 'REG_MULTI_SZ', data: string]

/** Texts that fit, for what has no range. */
const examples: Readonly<Record<string, readonly string[]>> = {
  ticket: ['STARLING1-abc_DEF-123'],
  DOGroupId: ['4D36E96E-E325-11CE-BFC1-08002BE10318', '{4d36e96e-e325-11ce-bfc1-08002be10318}'],
  DOModifyCacheDrive: ['D:', '%SystemDrive%', 'D:\\Zwischenspeicher für Größeres'],
  DOVpnKeywords: ['VPN', 'Büro Tunnel'],
  DOCacheHost: ['gw.example', '10.1.2.3'],
  coordinatorAddresses: ['https://coordinator.example:17833', 'https://[fd00::1]:17833'],
  upstreamProxies: ['http://proxy.example:3128', 'https://b.example'],
  upstreamAllowPrivate: ['10.1.0.0/16', '*.corp.example'],
  proxyWsus: ['http://wsus.corp.example:8530'],
  proxyPacHosts: ['*.windowsupdate.com', 'files.example:8080'],
  proxyClients: ['10.1.0.0/16', 'fd00::/8'],
  interceptHosts: ['*.downloads.vendor.example', 'files.vendor.example:8443'],
  hoursToLimitForegroundDownload: ['mon-fri 8-18 500KB', 'daily 22-6 0'],
  hoursToLimitBackgroundDownload: ['mon-fri 8-18 500KB'],
  site: ['north', 'b-7.2_x'],
  pageHost: ['127.0.0.1', '::1'],
  siteDefinitions: ['[{"id":"north","networks":["10.1.0.0/16"]},{"id":"s","adSites":["Süd"]}]'],
  upstreamServers: ['[{ "name": "gw-1", "kind": "gateway", "url": "http://gw-1.example:17831" }]'],
  upstreamRules: ['[{ "hosts": ["*.corp.example"], "use": ["direct"] }]'],
  contentClasses: ['[{ "id": "model-hub", "hosts": ["*.models.example"], "paths": ["/blobs/{sha256}"] }]'],
  proxyRules: ['[{ "name": "no-video", "action": "deny", "hosts": ["*.video.example"] }]']
}

interface Case {
  readonly name: string
  readonly written: Written
  /** What a person means by it. */
  readonly meant: unknown
}

const dword = (value: number): Written => ['REG_DWORD', `0x${value.toString(16)}`]

/** Each thing that the editor could write by this definition: out of the XML, not out of what it was made from. */
function casesOf(policy: XmlElement): Case[] {
  const { name = '', valueName } = policy.attributes
  const field = policyField(name) ?? machineField(name)!
  if (valueName !== undefined)
    return ['enabledValue', 'disabledValue'].map(side => {
      const [value] = elementsIn(policy, side)[0]!.children
      const data = Number(value!.attributes['value'])
      const isFlag = typeof field.byDefault === 'number'
      return { name: valueName, written: dword(data), meant: isFlag ? data : data === 1 }
    })
  const [one] = policy.children.find(child => child.name === 'elements')!.children
  const { attributes } = one!
  const value = attributes['valueName']!
  // `a size like 10GiB or 500MB, from 16MiB to 1024TiB`
  const range = /from (\S+) to (\S+)$/.exec(field.form)?.slice(1) ?? []
  const own = examples[name] ?? [...range, field.defaultText]
  switch (one!.name) {
    case 'decimal':
      return [Number(attributes['minValue']), Number(attributes['maxValue'])].map(data => ({
        name: value,
        written: dword(data),
        meant: data
      }))
    case 'enum':
      return elementsIn(one!, 'value').map(({ children: [inner] }) =>
        inner!.name === 'decimal'
          ? {
              name: value,
              written: dword(Number(inner!.attributes['value'])),
              meant: Number(inner!.attributes['value'])
            }
          : { name: value, written: ['REG_SZ', inner!.text], meant: inner!.text }
      )
    case 'multiText':
      return [{ name: value, written: ['REG_MULTI_SZ', own.join('\\0')], meant: own }]
    default:
      return own.map(text => ({ name: value, written: ['REG_SZ', text], meant: field.schema.parse(text) }))
  }
}

const cases = elementsIn(parseXml(files.get(admxName)!), 'policy').map(policy => ({
  name: policy.attributes['name']!,
  cases: casesOf(policy)
}))

const isOfTheAgent = ({ name }: { readonly name: string }): boolean => machineField(name)?.configKey !== null

async function machineOf(name: string, [type, data]: Written, key: string = policyKeys.starling) {
  const text = `${key.replace('HKLM', 'HKEY_LOCAL_MACHINE')}\n    ${name}    ${type}    ${data}\n`
  const policy = createMachinePolicy(async path => (path === key ? registryFromText(text) : null), {
    isThisMachine: () => false
  })
  return await policy.read()
}

async function configured(values: readonly SourcedValue[]) {
  return await readConfig(
    {
      dataFolder: folder,
      commandLine: new Map(),
      env: {},
      machine: async () => ({ values, users: [], problems: [] })
    },
    { readFile: async () => null, parse: () => new Uint8Array() }
  )
}

describe('what the editor writes', () => {
  it.each(cases.filter(isOfTheAgent))('for $name is what the agent does', async ({ name, cases: all }) => {
    const configKey = (policyField(name) ?? machineField(name))!.configKey!
    expect(all.length).toBeGreaterThan(0)
    for (const { name: valueName, written, meant } of all) {
      const { values } = await machineOf(valueName, written)
      const reading = await configured(values)
      expect(reading.problems).toEqual([])
      expect(valueAt(reading.draft, configKey)).toEqual(meant)
      expect(reading.settings.find(({ path }) => path === configKey)!.origin.kind).toBe('registry')
    }
  })

  it('to honour the policies of Delivery Optimization has the agent read them', async () => {
    const text = (name: string, value: string) =>
      `HKEY_LOCAL_MACHINE\\x\n    ${name}    REG_DWORD    ${value}\n`
    const [honour] = cases.find(({ name }) => name === 'honourDeliveryOptimizationPolicies')!.cases
    const policy = createMachinePolicy(
      async path =>
        registryFromText(
          path === policyKeys.starling
            ? text(honour!.name, honour!.written[1])
            : path === policyKeys.groupPolicy
              ? text('DOMaxCacheSize', '0x7')
              : ''
        ),
      { isThisMachine: () => false }
    )
    expect((await policy.read()).values).toMatchObject([{ name: 'DOMaxCacheSize', value: 7 }])
  })
})
