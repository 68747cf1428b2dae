/** The control plane on real processes: what was answered outlives a kill, and a lost machine is brought back. */
import { spawn } from 'node:child_process'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { readRunningFile } from '@starling/coordinator/admin-files.ts'
import { createAdminClient } from '@starling/coordinator/cli/admin-client.ts'
import { readAudit, verifyAudit } from '@starling/shared/admin-api/audit.ts'
import { createTicket, listTickets } from '@starling/shared/admin-api/fleet.ts'
import { changeMasterKey } from '@starling/shared/admin-api/upkeep.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openHouse, type House } from './harness.ts'

const program = fileURLToPath(import.meta.resolve('@starling/coordinator/main.ts'))
const password = 'four random words here'

let house: House
let data: string
beforeEach(() => {
  house = openHouse()
  data = join(house.folder('control'), 'data')
})
afterEach(() => house.close())

const start = (folder = data, more: readonly string[] = []) =>
  house.start('coordinator', program, [
    'run',
    '--data',
    folder,
    '--listen',
    '127.0.0.1:0',
    '--no-gateway',
    '--json',
    '--log-level',
    'warn',
    ...more
  ])

/** With a first line for stdin. */
async function call(
  args: readonly string[],
  input = ''
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [program, ...args, '--data', data], { stdio: 'pipe' })
  child.stdin.end(`${input}\n`)
  const code = new Promise<number | null>(resolve => child.once('close', resolve))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, out, err }
}

function behindItsBack(statement: string): void {
  const db = new DatabaseSync(join(data, 'coordinator.db'))
  db.exec(statement)
  db.close()
}

describe('the audit log', () => {
  it('never loses the entry of what was answered with 200, whenever the coordinator is killed', async () => {
    const answered: string[] = []
    for (let round = 0; round < 3; round++) {
      const coordinator = await start()
      const client = await createAdminClient(data)
      const makeTickets = async (): Promise<void> => {
        for (;;) answered.push((await client.ask(createTicket, { body: { expiresInMs: 3_600_000 } })).id)
      }
      const many = [makeTickets(), makeTickets(), makeTickets()]
      const atLeast = answered.length + 5
      const settled = Promise.allSettled(many)
      while (answered.length < atLeast) await new Promise(resolve => setImmediate(resolve))
      await coordinator.kill()
      await settled
    }
    await start()
    const client = await createAdminClient(data)
    expect((await client.ask(verifyAudit, {})).problem).toBeNull()
    const { entries } = await client.ask(readAudit, { query: { action: 'ticket.create', count: 1000 } })
    const targets = entries.map(({ target }) => target)
    expect(targets).toEqual(expect.arrayContaining(answered))
    const { tickets } = await client.ask(listTickets, {})
    expect(targets.toSorted()).toEqual(tickets.map(({ id }) => id).toSorted())
  })

  it('is verified and exported running and stopped, and a change behind its back is found', async () => {
    const coordinator = await start()
    for (let n = 0; n < 3; n++) expect((await call(['ticket', 'create'])).code).toBe(0)
    expect((await call(['audit', 'verify'])).out).toContain('is whole: 4 entries')
    const [running, stopped] = [join(data, 'one.jsonl'), join(data, 'other.jsonl')]
    expect((await call(['audit', 'export', running])).code).toBe(0)
    await coordinator.stop()
    expect((await call(['audit', 'verify'])).out).toContain('is whole: 4 entries')
    expect((await call(['audit', 'export', stopped])).code).toBe(0)
    expect((await call(['audit', 'export', stopped])).err).toContain('an export is written once')
    const exported = await readFile(running, 'utf8')
    expect(await readFile(stopped, 'utf8')).toBe(exported)
    expect(
      exported
        .trim()
        .split('\n')
        .map(line => (JSON.parse(line) as { number: number }).number)
    ).toEqual([1, 2, 3, 4])

    behindItsBack("UPDATE audit SET actor = 'somebody' WHERE number = 3")
    expect(await call(['audit', 'verify'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('entry 3 was changed') as string
    })
    behindItsBack("UPDATE audit SET actor = 'local' WHERE number = 3; DELETE FROM audit WHERE number = 4")
    expect((await call(['audit', 'verify'])).err).toContain('the tail is cut: the newest entry is 3')
  })
})

describe('retention of the audit log', () => {
  it('lets old entries go at the start and leaves a checkpoint, and the log is whole', async () => {
    const makeTicket = async () => {
      const client = await createAdminClient(data)
      await client.ask(createTicket, { body: { expiresInMs: 3_600_000 } })
      return client
    }
    const first = await start()
    await makeTicket()
    await first.stop()
    await start(data, ['--audit-keep', '1ms'])
    const client = await createAdminClient(data)
    // The code for the first admin was the first entry.
    await expect
      .poll(async () => (await client.ask(readAudit, { query: {} })).entries.map(({ action }) => action))
      .toEqual(['audit.prune'])
    expect(await client.ask(verifyAudit, {})).toEqual({ entries: 1, problem: null })
    await makeTicket()
    expect((await call(['audit', 'verify'])).out).toContain('is whole: 2 entries')
  })
})

describe('accounts', () => {
  it('begin with a code that is printed once, and are made and ended on the command line', async () => {
    const coordinator = await start()
    const file = coordinator.ready.firstAdminFile as string
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await coordinator.stop()
    expect((await start()).ready.firstAdminFile).toBeNull()
    expect((await call(['first-admin'])).out.trim()).toBe((await readFile(file, 'utf8')).trim())
    expect((await call(['account', 'create', 'eve', '--role', 'admin'], password)).code).toBe(0)
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
    expect((await call(['first-admin'])).err).toContain('there are accounts already')
    expect((await call(['account', 'create', 'bob', '--role', 'viewer'], 'short')).err).toContain(
      'this password'
    )
    expect((await call(['account', 'disable', 'eve'])).err).toContain('eve is the last admin')
    const token = await call(['token', 'create', 'ci', '--role', 'operator', '--site', 'hq'])
    expect(token.out).toMatch(/^sct_[\w-]{43}\n$/)
    const listed = await call(['token', 'list'])
    expect(listed.out).toMatch(/ci +operator +hq/)
    expect(listed.out).not.toContain(token.out.trim())
    const id = /^([0-9a-f]{16})/m.exec(listed.out)![1]!
    expect((await call(['token', 'revoke', id])).code).toBe(0)
    expect((await call(['audit', 'verify'])).code).toBe(0)
    for (const name of ['coordinator.db', 'coordinator.db-wal']) {
      const bytes = await readFile(join(data, name))
      expect([bytes.includes(password), bytes.includes(token.out.trim())]).toEqual([false, false])
    }
  })
})

describe('the master key', () => {
  it('is changed on the command line, and a coordinator that is killed meanwhile starts again', async () => {
    await start()
    const key = () => readFile(join(data, 'master.key'), 'utf8')
    const old = await key()
    expect((await call(['secrets', 'change-master-key'])).out).toContain('has taken the old one')
    expect(await key()).not.toBe(old)

    const client = await createAdminClient(data)
    const changing = Promise.allSettled([client.ask(changeMasterKey, { body: {} })])
    const begun = () => readdir(data).then(names => names.includes('master.key.next'))
    while (!(await begun())) await new Promise(resolve => setImmediate(resolve))
    process.kill((await readRunningFile(data)).pid, 'SIGKILL')
    await changing
    const second = await start()
    expect(await (await createAdminClient(data)).ask(verifyAudit, {})).toMatchObject({ problem: null })
    await second.stop()
    expect((await call(['secrets', 'change-master-key', '--json'])).code).toBe(0)
    expect((await call(['audit', 'verify'])).code).toBe(0)
    expect(await readdir(data)).not.toContain('master.key.next')
  })
})

describe('backup and restore', () => {
  it('bring a lost coordinator back: same fleet, same tickets, same audit log, same secrets', async () => {
    const folder = house.folder('backup')
    const [file, keys] = [join(folder, 'backup'), join(folder, 'keys')]
    const first = await start()
    await call(['ticket', 'create'])
    expect((await call(['secrets', 'rotate'])).out).toContain('1 secrets are sealed')
    const tickets = (await call(['ticket', 'ls', '--json'])).out
    expect((await call(['backup', file])).code).toBe(0)
    expect((await call(['backup', file])).err).toContain('is there already')
    expect((await call(['key', 'export', keys], 'weak')).err).toContain('this password')
    expect((await call(['key', 'export', keys], password)).code).toBe(0)
    await first.stop()
    for (const path of [file, keys]) expect((await stat(path)).mode & 0o777, path).toBe(0o600)

    expect((await call(['restore', file])).err).toContain('is not empty')
    data = join(folder, 'new')
    expect((await call(['restore', file])).code).toBe(0)
    expect((await call(['key', 'import', keys], 'not the passphrase')).err).toContain('not the passphrase')
    expect((await call(['key', 'import', keys], password)).code).toBe(0)
    const second = await start(data)
    expect([second.ready.fleet, second.ready.coordinator]).toEqual([
      first.ready.fleet,
      first.ready.coordinator
    ])
    expect((await call(['ticket', 'ls', '--json'])).out).toBe(tickets)
    expect((await call(['audit', 'verify'])).code).toBe(0)

    data = join(folder, 'third')
    const damaged = await readFile(file)
    damaged[damaged.length >> 1]! ^= 1
    await writeFile(join(folder, 'damaged'), damaged)
    expect((await call(['restore', join(folder, 'damaged')])).err).toContain('cannot be restored')
    // Nothing was left behind that would keep a good one from being restored.
    expect((await call(['restore', file])).code).toBe(0)
  })
})
