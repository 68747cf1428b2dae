import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { agentConfig, settings as agentSettings } from '@starling/agent/config.ts'
import { deliveryOptimization } from '@starling/agent/client-settings/items/delivery-optimization.ts'
import { winhttp } from '@starling/agent/client-settings/items/winhttp.ts'
import { wsus } from '@starling/agent/client-settings/items/wsus.ts'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hostFile } from '../host.ts'
import { serviceIni } from '../host-ini.ts'
import { writeMsi } from './msi.ts'
import { agentProduct, coordinatorProduct } from './product.ts'
import { readProperty, readSummary, readTable } from './read-msi.ts'
import { productCode } from './ids.ts'

const house = openHouse()
afterAll(() => house.close())

const tools = ['msibuild', 'msiinfo']
const missing = tools.filter(tool => spawnSync(tool, ['--help']).error !== undefined)
const install = 'apt-get install -y --no-install-recommends msitools'
if (missing.length > 0) console.warn(`\nSKIPPED, no MSI is made here: ${install}\n`)
it.runIf(missing.length > 0 && process.env.CI === 'true')('CI can make an MSI', () => {
  throw new Error(install)
})

const folder = house.folder('msi')
const contents = join(folder, 'program')

const make = async (
  name: string,
  version = '0.1.0',
  programFolder = contents,
  product = agentProduct
): Promise<string> => {
  const file = join(folder, name)
  await writeMsi(file, {
    product,
    version,
    madeAt: new Date('2026-01-01T00:00:00Z'),
    isSigned: false,
    programFolder,
    modulesFolder: null
  })
  return file
}

/** By what names a row. */
const by = async (msi: string, table: string, key: string): Promise<Map<string, Record<string, string>>> =>
  new Map((await readTable(msi, table)).map(row => [row[key]!, row]))

describe.skipIf(missing.length > 0)("the agent's MSI", () => {
  let msi: string
  beforeAll(async () => {
    await mkdir(join(contents, 'app/agent'), { recursive: true })
    for (const path of [
      'node.exe',
      hostFile,
      'starling-service.ini',
      'app/main.mjs',
      'app/agent/a long name.json'
    ])
      await writeFile(join(contents, path), path)
    msi = await make('one.msi')
  })

  it('has the same bytes when it is made again, elsewhere and later', async () => {
    const elsewhere = join(folder, 'elsewhere')
    cpSync(contents, elsewhere, { recursive: true })
    const again = await make('again.msi', '0.1.0', elsewhere)
    const digests = await Promise.all(
      [msi, again].map(async file =>
        createHash('sha256')
          .update(await readFile(file))
          .digest('hex')
      )
    )
    expect(digests[0]).toBe(digests[1])
  })

  it("of the coordinator never takes a fleet's keys along when it fails", async () => {
    const coordinator = await make('coordinator.msi', '0.1.0', contents, coordinatorProduct)
    const purges = async (file: string) =>
      (await readTable(file, 'CustomAction'))
        .filter(row => row['Target']!.startsWith('purge'))
        .map(row => [row['Action'], row['Target']])
    expect(await purges(msi)).toContainEqual([
      'ConfigureUndoAll',
      'purge Starling "[DATADIR]\\." "" "[CACHEPLACE]\\."'
    ])
    // It is told where the cache lies to keep it there, too.
    expect((await purges(msi)).find(([name]) => name === 'Purge')![1]).toMatch(/" "\[CACHEPLACE\]/)
    expect(await purges(coordinator)).toEqual(
      expect.arrayContaining([
        ['ConfigureUndo', 'purge StarlingCoordinator "[DATADIR]\\." "*"'],
        ['PurgeAll', 'purge StarlingCoordinator "[DATADIR]\\." ""']
      ])
    )
    expect((await purges(coordinator)).map(([name]) => name)).not.toContain('ConfigureUndoAll')
    const order = await by(coordinator, 'InstallExecuteSequence', 'Action')
    expect(order.get('PurgeAll')!['Condition']).toContain('REMOVECACHE')
    // And its options do not grow with each upgrade that gives them again.
    expect(order.get('SetARGUMENTS')!['Condition']).toBe(
      'Installed OR (NOT ARGUMENTS AND NOT LISTEN AND NOT SITE AND FOUNDARGUMENTS)'
    )
    for (const given of ['LISTEN', 'SITE'])
      expect([...order.values()].map(row => row['Condition'])).toContain(`${given} AND NOT Installed`)
  })

  it('is another package when a byte of it is another, and another product when its version is', async () => {
    const changed = join(folder, 'changed')
    cpSync(contents, changed, { recursive: true })
    await writeFile(join(changed, 'app/main.mjs'), 'another byte')
    const other = await make('other.msi', '0.1.0', changed)
    const next = await make('next.msi', '0.1.1')
    const package_ = async (file: string): Promise<string> => /\{.*\}/.exec(await readSummary(file))![0]
    expect(new Set(await Promise.all([msi, other, next].map(package_))).size).toBe(3)
    const product = (file: string): Promise<string | null> => readProperty(file, 'ProductCode')
    expect(await product(other)).toBe(await product(msi))
    expect(await product(next)).toBe(productCode(agentProduct.upgradeCode, '0.1.1'))
    // A component is the same in all versions, so that an upgrade knows what it is about.
    expect(await readTable(next, 'Component')).toEqual(await readTable(msi, 'Component'))
  })

  it('asks for settings that the agent knows, and finds them again at an upgrade', async () => {
    const names = new Set(agentSettings.map(it => it.env))
    const registry = await by(msi, 'Registry', 'Registry')
    const searches = await by(msi, 'RegLocator', 'Signature_')
    const actions = await by(msi, 'CustomAction', 'Action')
    const order = await by(msi, 'InstallExecuteSequence', 'Action')
    const variables = agentProduct.settings.flatMap(it => (it.variable === null ? [] : [it.variable]))
    expect(variables.filter(it => !names.has(it))).toEqual([])
    for (const { property, variable, hostValue } of agentProduct.settings) {
      const name = variable ?? hostValue!
      const value = registry.get(variable === null ? `R_${property}_host` : `R_${property}`)!
      expect(value).toMatchObject({
        Key: variable === null ? 'SOFTWARE\\Starling' : 'SOFTWARE\\Starling\\Environment',
        Name: name,
        Value: `[${property}]`
      })
      // 64-bit view, as it stands.
      expect(searches.get(`FOUND${property}`)).toMatchObject({ Key: value['Key'], Name: name, Type: '18' })
      expect(actions.get(`Set${property}`)).toMatchObject({ Type: '51', Target: `[FOUND${property}]` })
      // What the command line says beats what is found, but at a repair, which any user may start.
      expect(order.get(`Set${property}`)!['Condition']).toBe(
        `Installed OR (NOT ${property} AND FOUND${property})`
      )
      expect(Number(order.get(`Set${property}`)!['Sequence'])).toBeGreaterThan(
        Number(order.get('AppSearch')!['Sequence'])
      )
    }
    const components = await by(msi, 'Component', 'Component')
    expect(components.get('C_SITE')).toMatchObject({ Condition: 'SITE', KeyPath: 'R_SITE' })
    expect(registry.get('R_DATADIR_host')).toMatchObject({ Name: 'DataDir' })
    expect(registry.get('R_NOFIREWALL_host')).toMatchObject({ Name: 'NoFirewall' })
  })

  it('takes no word of a user who repairs it', async () => {
    const order = await by(msi, 'InstallExecuteSequence', 'Action')
    const secure = (await readProperty(msi, 'SecureCustomProperties'))!.split(';')
    const searched = (await readTable(msi, 'AppSearch')).map(row => row['Property']!)
    expect(searched.filter(it => secure.includes(it))).toEqual([])
    const ofNoUser = ['OLDERVERSION', 'NEWERVERSION', 'REMOVECACHE']
    const remembered = agentProduct.settings.map(it => it.property)
    // What is remembered has its own test; everything else that may be given has an effect on an arrival, or on a removal, alone.
    for (const given of secure.filter(it => ![...ofNoUser, ...remembered].includes(it))) {
      const users = [...order.values()].filter(row => new RegExp(`\\b${given}\\b`).test(row['Condition']!))
      expect(users.length, given).toBeGreaterThan(0)
      for (const row of users.filter(it => !it['Action']!.startsWith('ForgetTicket')))
        expect(row['Condition'], row['Action']).toMatch(/NOT Installed|^REMOVE="ALL"/)
    }
    for (const name of ['DATADIR', 'CACHEDIR'])
      expect(order.get(`LookAt${name}`)!['Condition']).toBe(`${name} AND NOT Installed`)
    for (const name of ['LeaveFirewall', 'LeaveFirewallUndo'])
      expect(order.get(name)!['Condition']).toContain('NOT Installed')
  })

  it('is in Program Files and nowhere else', async () => {
    const conditions = await by(msi, 'LaunchCondition', 'Condition')
    expect(conditions.get('Installed OR NOT INSTALLDIR')!['Description']).toContain('leave INSTALLDIR out')
    expect(await readProperty(msi, 'INSTALLDIR')).toBeNull()
  })

  it('has no condition longer than Windows Installer keeps', async () => {
    const rows = await readTable(msi, 'InstallExecuteSequence')
    expect(rows.filter(row => row['Condition']!.length > 255)).toEqual([])
  })

  it('takes a cache along only where it saw that there was none, and finds the one that a policy names', async () => {
    const order = await by(msi, 'InstallExecuteSequence', 'Action')
    const folders = await by(msi, 'DrLocator', 'Signature_')
    expect(folders.get('OLDCACHE')!['Path']).toBe('[LOOKEDCACHEDIR]\\content')
    // D: is D:\Starling.
    expect(folders.get('OLDCACHEONDRIVE')!['Path']).toBe('[LOOKEDCACHEDIR]\\Starling\\content')
    const isNew = order.get('SetNewCache')!['Condition']
    for (const part of ['CACHEDIR><":"', 'NOT (CACHEDIR><"%")', 'NOT OLDCACHE', 'NOT OLDCACHEONDRIVE'])
      expect(isNew).toContain(part)
    expect(order.get('ConfigureUndoAll')!['Condition']).toMatch(/ AND NewCache$/)
    expect(order.get('ConfigureUndo')!['Condition']).toMatch(/ AND NOT NewCache$/)

    const keys = /policies=(.*)/.exec(serviceIni('agent'))![1]!.trim().split('|')
    const searches = await by(msi, 'RegLocator', 'Signature_')
    const actions = [...(await by(msi, 'CustomAction', 'Action')).values()].filter(
      row => row['Source'] === 'CACHEPLACE'
    )
    const places = actions
      .toSorted(
        (a, b) => Number(order.get(b['Action']!)!['Sequence']) - Number(order.get(a['Action']!)!['Sequence'])
      )
      .map(row => row['Target']!.slice(1, -1))
    // The last one wins, as the first key does for the service host.
    expect(places.map(it => searches.get(it)?.['Key'])).toEqual([...keys, undefined])
    expect(places.at(-1)).toBe('CACHEDIR')
    for (const { Action } of actions.filter(row => /WINDOWS|MDM/.test(row['Target']!)))
      expect(order.get(Action!)!['Condition']).toContain('FOUNDHONOUR="#1"')
  })

  it('leaves to an admin the data folder that was there, when it fails, and the firewall that somebody else runs', async () => {
    const order = await by(msi, 'InstallExecuteSequence', 'Action')
    const condition = (name: string): string => order.get(name)!['Condition']!
    for (const name of ['ConfigureUndo', 'ConfigureUndoAll'])
      expect(condition(name)).toMatch(
        /NOT Installed AND NOT OLDERVERSION .* NOT OLDDATA AND NOT OLDNAMEDDATA/
      )
    const folders = await by(msi, 'DrLocator', 'Signature_')
    expect(folders.get('OLDDATA')).toMatchObject({ Path: '[LOOKEDDATADIR]' })
    // 0 and 64 bits: the value names a folder, which must be there.
    const values = await by(msi, 'RegLocator', 'Signature_')
    expect(values.get('OLDNAMEDDATA')).toMatchObject({ Name: 'DataDir', Type: '16' })
    for (const name of ['OpenFirewall', 'OpenFirewallUndo', 'CloseFirewallUndo'])
      expect(condition(name)).toContain('NOFIREWALL<>"1"')
  })

  it('does what cannot be taken back once everything else has succeeded, with a program of its own', async () => {
    const actions = await by(msi, 'CustomAction', 'Action')
    const order = await by(msi, 'InstallExecuteSequence', 'Action')
    for (const name of ['Purge', 'PurgeAll', 'ForgetSettings']) {
      // msidbCustomActionTypeCommit, InScript, NoImpersonate
      expect(Number(actions.get(name)!['Type']) & (512 + 1024 + 2048)).toBe(512 + 1024 + 2048)
      // Windows runs no commit action where it cannot roll back.
      expect(Number(actions.get(`${name}AtOnce`)!['Type']) & (512 + 1024 + 2048)).toBe(1024 + 2048)
      expect(order.get(`${name}AtOnce`)!['Condition']).toBe(
        `${order.get(name)!['Condition']} AND RollbackDisabled`
      )
    }
    for (const name of ['Purge', 'PurgeAll', 'ConfigureUndo', 'ConfigureUndoAll']) {
      expect(actions.get(name)).toMatchObject({ Source: 'Host' })
      expect(Number(actions.get(name)!['Type']) & 63).toBe(2)
    }
    const { stdout } = spawnSync('msiinfo', ['extract', msi, 'Binary.Host'])
    expect(stdout.toString()).toBe(hostFile)
  })

  it('keeps the ticket out of tables and logs', async () => {
    expect(await readProperty(msi, 'MsiHiddenProperties')).toBe('TICKET')
    const rows = (await readTable(msi, 'Registry')).map(row => row['Value'])
    expect(rows.filter(value => value!.includes('TICKET'))).toEqual([])
    const actions = await by(msi, 'CustomAction', 'Action')
    const users = [...actions.values()].filter(row => row['Target']!.includes('[TICKET]'))
    expect(users).toHaveLength(1)
    // msidbCustomActionTypeHideTarget, msidbCustomActionTypeContinue: error 1722 could name the command.
    expect(Number(users[0]!['Type']) & (8192 + 64)).toBe(8192 + 64)
  })

  it('gives the service an account of its own, and fails without it', async () => {
    expect(await readTable(msi, 'ServiceInstall')).toMatchObject([
      {
        Name: 'Starling',
        StartName: 'NT SERVICE\\Starling',
        Password: '',
        StartType: '2',
        ErrorControl: '32769',
        Arguments: 'service',
        Component_: 'C_INSTALLDIR'
      }
    ])
    const files = await by(msi, 'File', 'File')
    const key = (await by(msi, 'Component', 'Component')).get('C_INSTALLDIR')!['KeyPath']!
    // A service runs its component's key file.
    expect(files.get(key)!['FileName']).toContain(hostFile)
  })

  it('has for all that it does on the way something that takes it back, run before it in the sequence', async () => {
    const actions = await by(msi, 'CustomAction', 'Action')
    const order = await by(msi, 'InstallExecuteSequence', 'Action')
    const at = (name: string): number => Number(order.get(name)!['Sequence'])
    const undone = {
      OpenFirewall: 'OpenFirewallUndo',
      Configure: 'ConfigureUndo',
      ApplyCONFIGUREDO: 'ApplyCONFIGUREDOUndo',
      CloseFirewall: 'CloseFirewallUndo'
    }
    for (const [deed, undo] of Object.entries(undone)) {
      // In the script, as SYSTEM, and for a rollback only.
      expect(Number(actions.get(undo)!['Type']) & (256 + 1024 + 2048)).toBe(256 + 1024 + 2048)
      expect(Number(actions.get(deed)!['Type']) & (256 + 1024 + 2048)).toBe(1024 + 2048)
      expect(at(undo)).toBeLessThan(at(deed))
    }
    const again = actions.get('ApplyAgainCONFIGUREDO')!
    expect(again['Target']).toBe('cli configure --apply delivery-optimization')
    expect(Number(again['Type']) & (256 + 1024 + 2048)).toBe(256 + 1024 + 2048)
    expect(order.get('ApplyAgainCONFIGUREDO')!['Condition']).toMatch(
      /REMOVE="ALL" .* AND \(FOUNDCONFIGUREDO="127.0.0.1" OR FOUNDCONFIGUREDO<<"127.0.0.1,"\)$/
    )
    const inOrder = [
      'InstallInitialize',
      'RemoveExistingProducts',
      'ApplyAgainCONFIGUREDO',
      'StopServices',
      'DeleteServices',
      // With the program and its settings still there.
      'UndoClients',
      'CloseFirewall',
      'RemoveFiles',
      'RemoveRegistryValues',
      'InstallFiles',
      'InstallServices',
      'Configure',
      'Ticket',
      'StartServices',
      'ApplyCONFIGUREDO',
      'PublishProduct',
      'Purge',
      'ForgetSettings',
      'InstallFinalize',
      'ForgetTicket'
    ]
    expect(inOrder.toSorted((a, b) => at(a) - at(b))).toEqual(inOrder)
  })

  it('sees by what `starling configure` writes which clients are turned to the agent', () => {
    const rules = [deliveryOptimization, wsus, winhttp]
    for (const { target, trace } of agentProduct.clients) {
      const places = Object.values(rules.find(it => it.item === target)!.changed)
      expect(places).toContainEqual(expect.objectContaining({ key: `HKLM\\${trace.key}`, name: trace.name }))
    }
    const digits = /"([0-9A-F]+)"/.exec(agentProduct.clients[2]!.trace.isOurs)![1]!
    const { port } = new URL('http://' + Buffer.from(digits, 'hex').toString())
    expect(agentConfig('x').proxy.port).toBe(Number(port))
    expect(agentProduct.follows).toContainEqual({
      property: 'OwnAddress',
      value: `http://localhost:${port}`,
      when: 'NOT PROXYPORT'
    })
  })

  it('leaves the machine alone when a new version takes the old one away', async () => {
    const order = await by(msi, 'InstallExecuteSequence', 'Action')
    const atRemoval = [
      'ApplyAgainCONFIGUREDO',
      'UndoClients',
      'CloseFirewallUndo',
      'CloseFirewall',
      'Purge',
      'PurgeAll'
    ]
    for (const name of [
      ...atRemoval,
      'ForgetSettings',
      'PurgeAtOnce',
      'PurgeAllAtOnce',
      'ForgetSettingsAtOnce'
    ])
      expect(order.get(name)!['Condition']).toContain('NOT UPGRADINGPRODUCTCODE')
  })

  it('replaces older versions, and refuses to be put over a newer one with a sentence', async () => {
    const upgrades = await by(msi, 'Upgrade', 'ActionProperty')
    expect(upgrades.get('OLDERVERSION')).toMatchObject({ VersionMax: '0.1.0', Attributes: '1' })
    expect(upgrades.get('NEWERVERSION')).toMatchObject({
      VersionMin: '0.1.0',
      VersionMax: '',
      Attributes: '2'
    })
    const conditions = await by(msi, 'LaunchCondition', 'Condition')
    expect(conditions.get('NOT NEWERVERSION')!['Description']).toMatch(/newer version .* uninstall/)
  })

  it('has a short name for each long one, and says that it is not signed', async () => {
    const names = (await readTable(msi, 'File')).map(row => row['FileName']!)
    for (const name of names) expect(name.split('|')[0]).toMatch(/^[\w~-]{1,8}(\.[\w~-]{1,3})?$/)
    expect(names).toContain('ALONGN~1.JSO|a long name.json')
    expect(await readSummary(msi)).toContain('not signed')
  })
})
