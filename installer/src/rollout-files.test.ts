/** What admins take as it is, held against the tools that it is for: an Ansible role, a Containerfile, a compose file and what they name. */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, describe, expect, it } from 'vitest'
import { house } from './house.ts'
import { agentProduct } from './windows/msi/product.ts'

const install = 'apt-get install -y --no-install-recommends ansible prometheus'
const missing = ['ansible-playbook', 'ansible-doc', 'promtool'].filter(
  tool => spawnSync('which', [tool]).status !== 0
)
if (missing.length > 0) {
  if (process.env['CI'] === 'true') expect.fail(`${missing.join(', ')} missing: ${install}`)
  process.stderr.write(
    `\n*** no ${missing.join(', ')} here: tests of the role and the containers are skipped. Run: ${install}\n`
  )
}

const temporary = openHouse()
afterAll(() => temporary.close())

const ansible = join(house, 'installer/rollout/ansible')
const containers = join(house, 'installer/containers')

/** Ansible is Python, and brings the reader of YAML. */
function readYaml(file: string): unknown {
  const script = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))'
  return JSON.parse(execFileSync('python3', ['-c', script, file], { encoding: 'utf8' }))
}

describe.skipIf(missing.length > 0)('the Ansible role', () => {
  type Task = Readonly<Record<string, unknown>>
  const modulesOf = (tasks: readonly Task[]): ReadonlyArray<readonly [module: string, given: string[]]> =>
    tasks.flatMap(task =>
      Object.entries(task).flatMap(([key, value]): ReadonlyArray<readonly [string, string[]]> => {
        if (['block', 'always', 'rescue'].includes(key)) return modulesOf(value as Task[])
        return /^ansible\.\w+\.\w+$/.test(key) ? [[key, Object.keys((value ?? {}) as object)]] : []
      })
    )

  it('is read by ansible-playbook, with the inventory that is beside it', () => {
    execFileSync('ansible-playbook', ['--syntax-check', '--inventory', 'inventory.example.yml', 'site.yml'], {
      cwd: ansible,
      stdio: 'pipe'
    })
  })

  it('gives modules only what they know', { timeout: 60_000 }, () => {
    const used = globSync(join(ansible, 'roles/starling/{tasks,handlers}/*.yml')).flatMap(file =>
      modulesOf(readYaml(file) as Task[])
    )
    const names = [...new Set(used.map(([module]) => module))].sort()
    expect(names).toContain('ansible.windows.win_package')
    const known = JSON.parse(
      execFileSync('ansible-doc', ['--json', '--type', 'module', ...names], { encoding: 'utf8' })
    ) as Record<string, { doc: { options?: object } }>
    for (const [module, given] of used) {
      const options = Object.keys(known[module]?.doc.options ?? {})
      // Its words are its own business.
      if (/\.(assert|include_tasks|meta)$/.test(module)) continue
      expect(options, module).toEqual(expect.arrayContaining(given))
    }
  })

  it('says of each of its settings what it is, and what it is without', () => {
    const { argument_specs } = readYaml(join(ansible, 'roles/starling/meta/argument_specs.yml')) as {
      argument_specs: { main: { options: object } }
    }
    const defaults = readYaml(join(ansible, 'roles/starling/defaults/main.yml')) as object
    expect(Object.keys(argument_specs.main.options)).toEqual(Object.keys(defaults))
  })
})

describe.skipIf(missing.length > 0)('the Ansible role on Windows', () => {
  type Task = Readonly<Record<string, unknown>>
  const tasks = (): readonly Task[] =>
    missing.length > 0 ? [] : (readYaml(join(ansible, 'roles/starling/tasks/windows.yml')) as Task[])

  it('turns to the agent what `starling configure` knows for a machine', async () => {
    const { argument_specs } = readYaml(join(ansible, 'roles/starling/meta/argument_specs.yml')) as {
      argument_specs: { main: { options: { starling_clients: { choices: string[] } } } }
    }
    const { choices } = argument_specs.main.options.starling_clients
    expect(choices).toEqual(expect.arrayContaining(agentProduct.clients.map(({ target }) => target)))
  })

  it("has the cache's folder made when the setting is there, and before the service takes it up", () => {
    const at = (name: string): number => tasks().findIndex(task => task['name'] === name)
    expect(at('Set the settings')).toBeGreaterThan(-1)
    expect(at('Give the folders their rights')).toBeGreaterThan(at('Set the settings'))
    expect(at('Have the service take up its settings')).toBeGreaterThan(at('Give the folders their rights'))
    const { starling_cache_variable } = readYaml(join(ansible, 'roles/starling/vars/main.yml')) as Record<
      string,
      string
    >
    const setting = agentProduct.settings.find(({ property }) => property === 'CACHEDIR')
    expect(starling_cache_variable).toBe(setting!.variable)
  })
})

describe.skipIf(missing.length > 0)('the containers', () => {
  const compose = readCompose()
  function readCompose() {
    return missing.length > 0
      ? { services: {}, secrets: {}, volumes: {} }
      : (readYaml(join(containers, 'compose.yaml')) as {
          services: Record<
            string,
            { volumes?: string[]; secrets?: string[]; build?: { context: string; dockerfile: string } }
          >
          secrets: Record<string, { file: string }>
          volumes: Record<string, null>
        })
  }

  it('find every file, volume and secret that they name', () => {
    const services = Object.values(compose.services)
    const sources = services.flatMap(({ volumes = [] }) => volumes.map(volume => volume.split(':')[0]!))
    const files = sources.filter(source => source.startsWith('.'))
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter(file => !existsSync(resolve(containers, file)))).toEqual([])
    expect(Object.keys(compose.volumes)).toEqual(
      expect.arrayContaining(sources.filter(source => !source.startsWith('.')))
    )
    expect(Object.keys(compose.secrets)).toEqual(
      expect.arrayContaining(services.flatMap(({ secrets = [] }) => secrets))
    )
    const { context, dockerfile } = compose.services['coordinator']!.build!
    expect(resolve(containers, context)).toBe(join(house, 'installer/dist/out'))
    expect(existsSync(resolve(containers, context, dockerfile))).toBe(true)
  })

  it('have a Prometheus that takes its configuration and rules', () => {
    const folder = temporary.folder('prometheus')
    const token = join(folder, 'token')
    writeFileSync(token, 'x')
    writeFileSync(
      join(folder, 'prometheus.yml'),
      readFileSync(join(containers, 'prometheus.yml'), 'utf8').replace('/run/secrets/prometheus-token', token)
    )
    copyFileSync(join(house, 'docs/monitoring/starling-alerts.yml'), join(folder, 'starling-alerts.yml'))
    execFileSync('promtool', ['check', 'config', join(folder, 'prometheus.yml')], { stdio: 'pipe' })
  })
})
