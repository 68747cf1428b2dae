/**
 * What the Ansible role does to a Windows machine, step by step: real ansible-playbook, with modules in place of those of ansible.windows that
 * write down what they are asked for. What Windows does then, only a Windows can show.
 */
import { createHash } from 'node:crypto'
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, describe, expect, it } from 'vitest'
import { house } from './house.ts'

/** rollout-files.test.ts says how to get it, and insists on it in CI. */
const isMissing = spawnSync('which', ['ansible-playbook']).status !== 0

const temporary = openHouse()
afterAll(() => temporary.close())

const ticket = 'STARLING1-of-a-test'
const folder = 'D:\\Programs\\Starling'
const serviceHost = `${folder}\\starling-service.exe`
const cache = { STARLING_POLICY_DO_MODIFY_CACHE_DRIVE: 'E:' }

interface Machine {
  readonly isMember?: boolean
  /** What it was given at an earlier run. */
  readonly keptTicket?: string
  /** A word of the service host that fails. */
  readonly failing?: string
}

/** Without a list of arguments, because rollout-files.test.ts looks at those. */
const moduleOf = (name: string): string => `#!/usr/bin/python3
import json, os, sys
from ansible.module_utils.basic import _load_params
name = '${name}'
machine = json.load(open(os.environ['STARLING_TEST_MACHINE']))
given = {key: value for key, value in _load_params().items() if not key.startswith('_ansible')}
with open(os.environ['STARLING_TEST_STEPS'], 'a') as steps:
    steps.write(json.dumps({'module': name, 'given': given}) + '\\n')
answer = {'changed': name in ('win_command', 'win_regedit')}
if name == 'win_reg_stat':
    values = {'InstallDir': machine['folder'], 'DataDir': 'C:\\\\ProgramData\\\\Starling'}
    answer['properties'] = {key: {'value': value} for key, value in values.items()}
if name == 'win_stat':
    answer['stat'] = machine['files'].get(given['path'].split('\\\\')[-1], {'exists': False})
if name == 'win_command':
    answer.update(stdout='{"changes":[]}', rc=0)
    if machine['failing'] in given['argv']:
        answer.update(failed=True, rc=1, msg='as the test wants it')
print(json.dumps(answer))
sys.exit(0)
`

const modulesOfWindows = ['command', 'package', 'reboot', 'reg_stat', 'regedit', 'service', 'stat'].map(
  name => `win_${name}`
)

interface Step {
  readonly module: string
  readonly given: Readonly<Record<string, unknown>>
}

async function play(
  machine: Machine,
  vars: Readonly<Record<string, unknown>>
): Promise<{ readonly isDone: boolean; readonly steps: readonly Step[]; readonly told: string }> {
  const at = temporary.folder('role')
  const modules = join(at, 'ansible_collections/ansible/windows/plugins/modules')
  mkdirSync(modules, { recursive: true })
  for (const name of modulesOfWindows) writeFileSync(join(modules, `${name}.py`), moduleOf(name))
  const files = {
    ...(machine.isMember === true && { 'membership.cbor': { exists: true } }),
    ...(machine.keptTicket !== undefined && {
      ticket: { exists: true, checksum: createHash('sha256').update(machine.keptTicket).digest('hex') }
    })
  }
  writeFileSync(join(at, 'machine.json'), JSON.stringify({ folder, files, failing: machine.failing ?? '' }))
  writeFileSync(join(at, 'steps'), '')
  const playbook = [
    {
      hosts: 'localhost',
      connection: 'local',
      gather_facts: false,
      pre_tasks: [{ 'ansible.builtin.set_fact': { os_family: 'Windows', cacheable: true } }],
      roles: ['starling'],
      vars: {
        starling_version: '0.1.0',
        starling_msi: 'C:\\starling.msi',
        starling_msi_product_code: '{1D162B59-4342-4F0B-A6F1-C5F1362BD96D}',
        ...vars
      }
    }
  ]
  writeFileSync(join(at, 'site.yml'), JSON.stringify(playbook))
  const [code, told] = await new Promise<[unknown, string]>(resolve =>
    execFile(
      'ansible-playbook',
      ['-vvv', '--inventory', 'localhost,', 'site.yml'],
      {
        cwd: at,
        env: {
          ...process.env,
          ANSIBLE_COLLECTIONS_PATH: at,
          ANSIBLE_ROLES_PATH: join(house, 'installer/rollout/ansible/roles'),
          ANSIBLE_HOME: join(at, 'home'),
          ANSIBLE_REMOTE_TMP: join(at, 'home'),
          STARLING_TEST_MACHINE: join(at, 'machine.json'),
          STARLING_TEST_STEPS: join(at, 'steps')
        }
      },
      (error, stdout, stderr) => resolve([error, stdout + stderr])
    )
  )
  const steps = readFileSync(join(at, 'steps'), 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Step)
  return { isDone: code === null, steps, told }
}

const commands = (steps: readonly Step[]): ReadonlyArray<readonly string[]> =>
  steps.flatMap(({ given }) => ('argv' in given ? [given['argv'] as string[]] : []))
const restarts = (steps: readonly Step[]): number =>
  steps.filter(({ given }) => given['state'] === 'restarted').length

describe.skipIf(isMissing)('the Ansible role, on a machine with Windows,', { timeout: 120_000 }, () => {
  it('hands the ticket over by stdin and in no command line, and has the service read it', async () => {
    const { isDone, steps, told } = await play({}, { starling_ticket: ticket, starling_clients: ['wsus'] })
    expect(isDone, told).toBe(true)
    const handed = steps.filter(step => JSON.stringify(step).includes(ticket))
    expect(handed).toEqual([
      { module: 'win_command', given: { argv: [serviceHost, 'ticket', '-'], stdin: ticket } }
    ])
    expect(told).not.toContain(ticket)
    expect(restarts(steps.slice(steps.indexOf(handed[0]!)))).toBe(1)
    // The service answers first.
    expect(steps.at(-1)!.given['argv']).toEqual(expect.arrayContaining([serviceHost, '--apply', 'wsus']))
  })

  it.each([
    ['is in a fleet', { isMember: true }],
    ['has this ticket already', { keptTicket: ticket }]
  ])('leaves one alone that %s', async (_, machine) => {
    const { isDone, steps, told } = await play(machine, { starling_ticket: ticket })
    expect(isDone, told).toBe(true)
    expect(commands(steps)).toEqual([])
    expect(restarts(steps)).toBe(0)
  })

  it('starts the service anew for what it has written, when something fails behind that', async () => {
    const { isDone, steps } = await play({ failing: 'configure' }, { starling_settings: cache })
    expect(isDone).toBe(false)
    expect(commands(steps)).toEqual([[serviceHost, 'configure']])
    expect(restarts(steps)).toBe(1)
  })
})
