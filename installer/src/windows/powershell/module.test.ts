/** The PowerShell module: it is PowerShell, exports what it says, explains itself, and reads no field that a real agent does not tell. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { seededContent } from '@starling/test/doubles/content.ts'
import { startOrigin } from '@starling/test/doubles/origin.ts'
import { download, json } from '@starling/test/e2e/client.ts'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { fleetSecret, startMembers } from '@starling/test/e2e/site.ts'
import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPackage } from '../../bundle.ts'
import { house } from '../../house.ts'
import { elementsIn, parseXml } from '../admx/xml.ts'
import { agentProduct } from '../msi/product.ts'
import { withModuleVersion } from './manifest.ts'
import { nodesIn, openScriptReader, syntaxProblems, type Node, type ScriptReader } from './syntax.ts'

const installer = join(import.meta.dirname, '../../..')
const folder = join(installer, 'windows/Starling')
const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8')

let reader: ScriptReader
let module: Node
beforeAll(async () => {
  reader = await openScriptReader()
  module = reader.parse(await read('Starling.psm1'))
})

/** All that an admin runs. */
const scripts = (await readdir(installer, { recursive: true })).filter(
  path => /\.(ps1|psm1|psd1)$/.test(path) && !/node_modules|dist/.test(path)
)

describe('each script', () => {
  it.each(scripts)(
    '%s is PowerShell, in letters that Windows PowerShell 5.1 reads in every country',
    async path => {
      const text = await readFile(join(installer, path), 'utf8')
      expect(syntaxProblems(reader.parse(text))).toEqual([])
      expect(text.match(/[^\t\n\r -~]/gu)).toBeNull()
    }
  )

  it.each([
    ['a brace is missing', 'function Get-Thing { if ($a) { 1 }'],
    ['a text does not end', 'Write-Output "no end'],
    ['a parenthesis too many', 'if ($a)) { 1 }']
  ])('is seen to be none where %s', (_, text) => {
    expect(syntaxProblems(reader.parse(text))).not.toEqual([])
  })
})

describe('a script for admins', () => {
  const texts = new Map<string, string>()
  beforeAll(async () => {
    for (const path of scripts.filter(one => one.startsWith('rollout/')))
      texts.set(path, await readFile(join(installer, path), 'utf8'))
  })
  /** `NAME = 'text'` of a table. */
  const tableIn = (script: string, name: string): Record<string, string> => {
    const [, body] = new RegExp(`\\$${name} = @\\{\\r?\\n([^}]*)\\}`).exec(texts.get(script)!)!
    return Object.fromEntries(
      [...body!.matchAll(/(\w+)\s+= '([^']+)'/g)].map(([, key, value]) => [key!, value!])
    )
  }

  it('that names a version names the one of the package', async () => {
    const { version } = await readPackage(house)
    const named = [...texts].flatMap(([path, text]) =>
      [...text.matchAll(/\[version\] '([^']+)'|starling-(\d[\w.]*)-x64\.msi/g)].map(found => [
        path,
        found[1] ?? found[2]
      ])
    )
    expect(new Set(named.map(([path]) => path)).size).toBe(4)
    expect(named.filter(([, one]) => one !== version)).toEqual([])
  })

  it('does not take the registry of 32-bit programs for that of the machine', () => {
    for (const [path, text] of texts)
      expect(
        /RegistryView\]::Registry64/.test(text) || /-not \[Environment\]::Is64BitProcess/.test(text),
        path
      ).toBe(true)
  })

  it('takes a line of stderr for no failure: what is redirected is so where errors do not stop', () => {
    for (const [path, text] of texts) {
      const blocks = nodesIn(reader.parse(text), 'script_block')
      const redirecting = blocks.filter(block => /\b2>(&1|\$null)/.test(block.text))
      const innermost = redirecting.filter(
        block => !redirecting.some(one => one !== block && isIn(one, block))
      )
      if (!/\$ErrorActionPreference = 'Stop'/.test(text)) continue
      for (const block of innermost) expect(block.text, path).toMatch(/\$ErrorActionPreference = 'Continue'/)
    }
    expect(texts.get('rollout/Install-Starling.ps1')).toContain('2>&1')
  })
  const isIn = (inner: Node, outer: Node): boolean =>
    inner.startIndex >= outer.startIndex && inner.endIndex <= outer.endIndex

  it('knows each property of the package, and what becomes of it', async () => {
    const script = 'rollout/Install-Starling.ps1'
    const settings = (stands: 'variable' | 'hostValue'): Record<string, string> =>
      Object.fromEntries(
        agentProduct.settings.flatMap(one => (one[stands] === null ? [] : [[one.property, one[stands]]]))
      )
    expect(tableIn(script, 'variables')).toEqual(settings('variable'))
    expect(tableIn(script, 'hostValues')).toEqual(settings('hostValue'))
    expect(tableIn(script, 'clients')).toEqual(
      Object.fromEntries(agentProduct.clients.map(({ property, target }) => [property, target]))
    )
    for (const other of ['TICKET', 'NOFIREWALL', 'DATADIR', 'REMOVECACHE'])
      expect(texts.get(script)).toContain(`-eq '${other}'`)
    const told = [
      ...(await readFile(join(installer, '../docs/DEPLOY.md'), 'utf8')).matchAll(/^\| (`[A-Z].*?) \|/gm)
    ].flatMap(([, cell]) => [...cell!.matchAll(/`([A-Z]+)(?:=1)?`/g)].map(([, name]) => name!))
    const known = [...agentProduct.settings, ...agentProduct.clients].map(({ property }) => property)
    expect(told.toSorted()).toEqual(expect.arrayContaining(known.toSorted()))
  })

  /** Where it ends, or throws what nothing catches. */
  const endsOf = (script: Node): readonly Node[] =>
    nodesIn(script, 'flow_control_statement').filter(
      end => /^(exit|throw)\b/.test(end.text) && !isInFunction(end)
    )
  const isInFunction = (node: Node): boolean => {
    for (let at = node.parent; at !== null; at = at.parent)
      if (at.type === 'function_statement' || at.type === 'script_block_expression') return true
    return false
  }

  it('that mends goes through all of its steps, whichever of them fails, and starts the service anew for what it has written', () => {
    const text = texts.get('rollout/Repair-Starling.ps1')!
    const first = text.indexOf('foreach ($name in $wantedSettings.Keys)')
    const last = text.indexOf('Restart-Service')
    expect(first).toBeGreaterThan(-1)
    expect(last).toBeGreaterThan(first)
    const script = reader.parse(text)
    const ends = endsOf(script).map(end => end.startIndex)
    expect(ends.filter(at => at > first && at < last)).toEqual([])
    expect(ends.filter(at => at > last)).toHaveLength(2)
    // What a step does may throw, so it is in the block of one.
    const calls = nodesIn(script, 'command').filter(call =>
      /^(Invoke-Needed|Restart-Service|Start-Service)\b/.test(call.text)
    )
    expect(calls.length).toBeGreaterThan(4)
    expect(calls.filter(call => !isInFunction(call)).map(call => call.text)).toEqual([])
  })

  it('that installs starts the service anew for settings that it has written, whatever else failed', () => {
    const text = texts.get('rollout/Install-Starling.ps1')!
    const first = text.indexOf('# --- The settings')
    const last = text.indexOf('Restart-Service')
    expect(first).toBeGreaterThan(-1)
    const ends = endsOf(reader.parse(text)).map(end => end.startIndex)
    expect(ends.filter(at => at > first && at < last)).toEqual([])
    expect(ends.filter(at => at > last).length).toBeGreaterThan(1)
  })

  it('hands a ticket over where no command line shows it', () => {
    const script = reader.parse(texts.get('rollout/Install-Starling.ps1')!)
    const commands = nodesIn(script, 'command').map(({ text }) => text)
    expect(commands).toContain("Invoke-Host -Arguments @('ticket', '-') -Text $ticket")
    expect(script.text).not.toMatch(/TICKET=/)
  })

  it('leaves a firewall alone that somebody else runs, and has the service host make the folder of the cache', () => {
    for (const name of [
      'Test-StarlingCompliance',
      'Repair-Starling',
      'Test-StarlingOnWindows',
      'Install-Starling'
    ])
      expect(texts.get(`rollout/${name}.ps1`), name).toContain('NoFirewall')
    for (const name of ['Repair-Starling', 'Install-Starling'])
      expect(texts.get(`rollout/${name}.ps1`), name).toContain("@('configure')")
  })
})

it('the page about rollouts names scripts that are there, and all of them', async () => {
  const page = await readFile(join(installer, '../docs/ROLLOUT.md'), 'utf8')
  const named = new Set(page.match(/\b[A-Z]\w+-\w+\.ps1/g))
  expect([...named].toSorted()).toEqual(
    (await readdir(join(installer, 'rollout'))).filter(name => name.endsWith('.ps1')).toSorted()
  )
})

const functions = (): ReadonlyMap<string, Node> =>
  new Map(nodesIn(module, 'function_statement').map(node => [nodesIn(node, 'function_name')[0]!.text, node]))

const textsIn = (text: string): string[] => [...text.matchAll(/'([^']+)'/g)].map(([, one]) => one!)

describe('the module', () => {
  it('exports what its manifest says and what it has, and nothing else', async () => {
    const manifest = await read('Starling.psd1')
    const said = textsIn(/FunctionsToExport\s*=\s*@\(([^)]*)\)/.exec(manifest)![1]!)
    const exported = textsIn(/Export-ModuleMember -Function @\(([^)]*)\)/.exec(module.text)![1]!)
    expect(said).toEqual(exported)
    expect([...functions().keys()].filter(name => /-Starling(?!Api|Error)/.test(name)).toSorted()).toEqual(
      said
    )
  })

  it('has the version of the package, whatever package it comes with', async () => {
    const { version } = await readPackage(house)
    const manifest = await read('Starling.psd1')
    expect(manifest).toContain(`ModuleVersion        = '${version}'`)
    const built = withModuleVersion(manifest, '7.8.9')
    expect(built).toContain("ModuleVersion        = '7.8.9'")
    expect(built.replace('7.8.9', version)).toBe(manifest)
    expect(() => withModuleVersion("@{ RootModule = 'x' }", '1')).toThrow(/no line ModuleVersion/)
  })

  it('explains each command with each of its parameters, and an example', async () => {
    const said = textsIn(/FunctionsToExport\s*=\s*@\(([^)]*)\)/.exec(await read('Starling.psd1'))![1]!)
    for (const name of said) {
      const help = nodesIn(functions().get(name)!, 'comment').find(({ text }) => text.startsWith('<#'))!.text
      expect(help).toMatch(/\.SYNOPSIS\n[\s\S]*\.DESCRIPTION\n[\s\S]*\.EXAMPLE\n\s+\S/)
      const parameters = nodesIn(functions().get(name)!, 'script_parameter').map(
        node => /\$(\w+)/.exec(node.children.find(({ type }) => type === 'variable')!.text)![1]!
      )
      expect([...help.matchAll(/\.PARAMETER (\w+)/g)].map(([, one]) => one)).toEqual(parameters)
    }
    const about = await read('en-US/about_Starling.help.txt')
    for (const name of said) expect(about).toContain(name)
    expect(about.split('\n').filter(line => line.length > 79)).toEqual([])
  })
})

type Json = Readonly<Record<string, unknown>>

describe('what the module reads', () => {
  const agents = openHouse()
  let answers: Record<string, Json>

  beforeAll(async () => {
    const origin = await startOrigin()
    agents.keep(() => origin.close())
    origin.put('/a.msu', seededContent('for the module', 2 * MiB))
    const [one, two] = await startMembers(agents, fleetSecret(), ['module-one', 'module-two'])
    await download(one!.proxy, `${origin.url}/a.msu`)
    await download(two!.proxy, `${origin.url}/a.msu`)
    const token = (await readFile(join(two!.folder, 'page.token'), 'utf8')).trim()
    const ask = (path: string): Promise<unknown> => json(`${two!.page}${path}`)
    const policy = await fetch(`${two!.page}/api/v1/policy`, {
      headers: { authorization: `Bearer ${token}` }
    })
    const peerInfo = (await ask('/api/v1/peer-info')) as { peers: Json[] }
    const health = (await ask('/api/v1/health')) as { checks: Json[] }
    const view = (await policy.json()) as { values: Json[] }
    const running = JSON.parse(await readFile(join(two!.folder, 'agent.json'), 'utf8')) as Json
    const refused = await fetch(`${two!.page}/api/v1/policy`)
    answers = {
      content: ((await ask('/api/v1/delivery-status')) as Json[])[0]!,
      snap: (await ask('/api/v1/perfsnap')) as Json,
      info: peerInfo,
      peer: peerInfo.peers[0]!,
      health: health as unknown as Json,
      check: health.checks[0]!,
      view: view as unknown as Json,
      value: view.values[0]!,
      origin: view.values[0]!['origin'] as Json,
      // The same shape, where something waits.
      waiting: { value: null, origin: null },
      running,
      told: ((await refused.json()) as { error: Json }).error
    }
  }, 60_000)
  afterAll(() => agents.close())

  it('is what the agent tells, in every command', () => {
    const read = nodesIn(module, 'member_access').flatMap(node => {
      const [, variable, member] = /^\$(\w+)\.(\w+)$/.exec(node.text) ?? []
      return variable === undefined || answers[variable] === undefined ? [] : [[variable, member!] as const]
    })
    const variables = new Set(read.map(([variable]) => variable))
    // Each answer that a command looks into is looked into here.
    expect([...variables].toSorted()).toEqual(
      [
        'check',
        'content',
        'health',
        'info',
        'origin',
        'peer',
        'running',
        'told',
        'value',
        'view',
        'waiting'
      ].toSorted()
    )
    for (const [variable, member] of read) expect(Object.keys(answers[variable]!)).toContain(member)
  })

  it('is what the example of the help adds up', async () => {
    const members = [...(await read('en-US/about_Starling.help.txt')).matchAll(/\$month\.(\w+)/g)]
    expect(members.length).toBeGreaterThan(0)
    for (const [, member] of members) expect(answers['snap']!['ThisMonth']).toHaveProperty(member!)
  })

  it('is asked for where the agent answers', async () => {
    const paths = [...module.text.matchAll(/-Path ['"](\/api\/v1\/[\w/-]+)/g)].map(([, path]) => path!)
    expect(paths.length).toBeGreaterThanOrEqual(6)
    const { routes } = await import('@starling/agent/page/routes.ts')
    for (const path of paths) {
      const route = routes.find(one => one.path === path || one.path === `${path}:id`)
      expect(route, path).toBeDefined()
      const needsToken = new RegExp(`${path}[^\\n]*-WithToken`).test(module.text)
      expect([path, needsToken]).toEqual([path, route!.change || path === '/api/v1/cache/'])
    }
  })

  it('is what the tables show', async () => {
    const root = parseXml(await read('Starling.Format.ps1xml'))
    const made = new Map(
      [...module.text.matchAll(/PSTypeName\s*= '(Starling\.\w+)'([^}]*)}/g)].map(
        ([, name, body]) => [name!, [...body!.matchAll(/^\s+(\w+)\s+=/gm)].map(([, key]) => key!)] as const
      )
    )
    made.set('Starling.Status', Object.keys(answers['content']!))
    for (const view of elementsIn(root, 'View')) {
      const type = elementsIn(view, 'TypeName')[0]!.text
      const shown = [
        ...elementsIn(view, 'PropertyName').map(({ text }) => text),
        ...elementsIn(view, 'ScriptBlock').map(({ text }) => /\$_\.(\w+)/.exec(text)![1]!)
      ]
      expect(made.get(type), type).toEqual(expect.arrayContaining(shown))
      expect(elementsIn(view, 'TableColumnHeader')).toHaveLength(elementsIn(view, 'TableColumnItem').length)
    }
  })
})
