import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { enrol } from '@starling/agent/coordinator-link/enrol.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const program = fileURLToPath(import.meta.resolve('@starling/coordinator/main.ts'))
let folder: string
const running = new Set<ChildProcess>()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-coordinator-'))
})
afterEach(async () => {
  for (const child of running) {
    const ended = new Promise(resolve => {
      child.once('exit', resolve)
    })
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended
  }
  running.clear()
  await rm(folder, { recursive: true, force: true })
})

function start(
  ...args: string[]
): ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  return child
}

async function call(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(...args)
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString()
  })
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes.toString()
  })
  const code = await new Promise<number | null>(resolve => {
    child.once('close', resolve)
  })
  running.delete(child)
  return { code, out, err }
}

const data = (): string[] => ['--data', join(folder, 'coordinator')]

async function runCoordinator(...args: string[]) {
  const child = start(
    'run',
    ...data(),
    '--listen',
    '127.0.0.1:0',
    '--no-gateway',
    '--json',
    '--log-level',
    'warn',
    ...args
  )
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', code => {
      reject(new Error(`the coordinator ended with ${code}`))
    })
  })
  return { child, ready: JSON.parse(line) as Record<string, unknown> }
}

describe('starling-coordinator', () => {
  it('runs, hands out a ticket with which an agent joins, shows and revokes it, and stops on SIGTERM', async () => {
    const { child, ready } = await runCoordinator('--site', 'office')
    expect(ready).toMatchObject({
      ready: true,
      site: 'office',
      gateway: null,
      address: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/) as string
    })

    const { code, out, err } = await call('ticket', 'create', ...data(), '--expires', '2h')
    expect(code).toBe(0)
    expect(out.trim().split('\n')).toHaveLength(1)
    expect(parseTicket(out)).toMatchObject({
      site: 'office',
      coordinator: ready.coordinator,
      addresses: [ready.address]
    })
    expect(err).toContain('treat it like a password')

    const joined = await enrol(join(folder, 'agent'), out)
    expect(joined).toMatchObject({ site: 'office', role: 'agent', fleet: ready.fleet })
    await expect(enrol(join(folder, 'second'), out)).rejects.toMatchObject({ code: 'ticket-used' })
    expect(await readdir(join(folder, 'second'))).toEqual(['identity.key'])
    expect((await call('ticket', 'ls', ...data())).out).toMatch(/found, from office +agent +1\/1/)

    const agents = await call('agents', ...data(), '--json')
    expect(JSON.parse(agents.out)).toMatchObject([
      { agent: joined.id, site: 'office', revokedAt: null, online: false }
    ])
    const site = async (): Promise<string | undefined> =>
      /^site +(.+)$/m.exec((await call('agents', 'show', joined.id, ...data())).out)?.[1]
    expect(await site()).toBe('office (not named)')
    await call('agents', 'move', joined.id, '--group', 'pilots', ...data())
    expect(await site()).toBe('office (not named), group pilots')
    await call('agents', 'move', joined.id, '--site', 'hall', ...data())
    expect(await site()).toBe('hall (named), group pilots')
    const released = await call('agents', 'move', '--found-site', '--of-site', 'hall', ...data())
    expect(released.out).toMatch(/^1 agent/)
    expect(await site()).toBe('hall (not named), group pilots')
    expect((await call('revoke', joined.id, ...data())).out).toContain('is revoked')
    expect((await call('revoke', joined.id, ...data())).out).toContain('was revoked already')
    const status = JSON.parse((await call('status', ...data(), '--json')).out) as {
      revoked: number
      events: Array<{ kind: string }>
    }
    expect(status.revoked).toBe(1)
    expect(status.events.map(({ kind }) => kind)).toEqual([
      'revoked',
      'released',
      'moved',
      'moved',
      'enrolled',
      'ticket-created'
    ])
    expect((await call('status', ...data())).out).toContain('0, 0 online, 1 revoked')

    const ended = new Promise(resolve => {
      child.once('exit', exitCode => {
        resolve(exitCode)
      })
    })
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(await readdir(join(folder, 'coordinator'))).not.toContain('running.json')
  })

  it('tells a second one on the same folder, and a second one on the same port', async () => {
    const { ready } = await runCoordinator()
    const { host, port } = ready.listening as { host: string; port: number }
    const folderTaken = await call('run', ...data(), '--listen', '127.0.0.1:0', '--no-gateway')
    expect(folderTaken).toMatchObject({ code: 1, out: '' })
    expect(folderTaken.err).toContain('another coordinator runs on this data folder')
    const portTaken = await call(
      'run',
      '--data',
      join(folder, 'other'),
      '--listen',
      `${host}:${port}`,
      '--no-gateway',
      '--json'
    )
    expect(portTaken.code).toBe(1)
    expect(portTaken.err).toContain('"code":"listen-failed"')
  })

  it('says what to do when none runs, and leaves by the right door when it is asked wrongly', async () => {
    const none = await call('status', ...data())
    expect(none.code).toBe(1)
    expect(none.err).toContain('start it with "starling-coordinator run"')
    const usage = [
      ['bogus'],
      ['revoke', 'me', ...data()],
      ['ticket', 'create', ...data(), '--uses', '0'],
      ['agents', 'move', ...data(), '--found-site'],
      ['agents', 'move', ...data(), '--of-site', 'hall'],
      ['agents', 'move', ...data(), '--found-site', '--of-site', 'hall', '--group', 'pilots'],
      ['agents', 'move', ...data(), createIdentity().agentId],
      ['agents', 'move', ...data(), createIdentity().agentId, '--found-site', '--site', 'hall'],
      ['agents', 'move', ...data(), createIdentity().agentId, '--found-site', '--of-site', 'hall'],
      ['run', '--log-level', 'loud']
    ]
    for (const args of usage) expect((await call(...args)).code, args.join(' ')).toBe(2)
    for (const args of [
      ['--listen', 'nowhere'],
      ['--site', 'a b'],
      ['--heartbeat', 'often']
    ]) {
      expect((await call('run', ...data(), '--no-gateway', ...args)).code, args.join(' ')).toBe(78)
    }
    for (const args of [['--help'], ['ticket', 'create', '--help']]) {
      const help = await call(...args)
      expect(help.code).toBe(0)
      expect(help.out).toContain('Usage: starling-coordinator')
    }
    expect(await call('--version')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/)
    })
  })

  it('stops when its stdin ends, if it is told to', async () => {
    const options = ['--listen', '127.0.0.1:0', '--no-gateway', '--json', '--log-level', 'warn']
    const { code, out } = await call('run', ...data(), ...options, '--stop-on-stdin-end')
    expect({ code, ready: (JSON.parse(out) as { ready: boolean }).ready }).toEqual({ code: 0, ready: true })
    expect(await readdir(join(folder, 'coordinator'))).not.toContain('running.json')
  })

  it('does not start with a damaged key, and does not make another in its place', async () => {
    const { child } = await runCoordinator()
    const ended = new Promise(resolve => {
      child.once('exit', resolve)
    })
    child.kill('SIGTERM')
    await ended
    await writeFile(join(folder, 'coordinator', 'fleet.key'), 'oops')
    const { code, err } = await call('run', ...data(), '--listen', '127.0.0.1:0', '--no-gateway')
    expect(code).toBe(78)
    expect(err).toContain('fleet.key does not hold an Ed25519 key: restore it from a backup')
  })
})
