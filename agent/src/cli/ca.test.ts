import { X509Certificate } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCommandLine, type CommandLine } from '../../../test/doubles/command-line.ts'
import { makeStatus } from '../../../test/doubles/local-page.ts'
import { filesIn } from '../config.ts'
import { exitCodes } from './exit.ts'

let line: CommandLine
beforeEach(async () => {
  line = await createCommandLine()
})
afterEach(() => line.close())

const list = (...hosts: string[]) =>
  writeFile(filesIn(line.folder).config, JSON.stringify({ intercept: { hosts } }))
const shown = async () => {
  await line.run('ca', 'show', '--json')
  return JSON.parse(line.out[0]!) as {
    fits: boolean
    authorities: Array<{ names: string[]; signsFrom: number; expiresAt: number; sha256: string }>
  }
}

describe('starling ca', () => {
  it('makes a CA for the listed hosts, in a file for its owner alone, and says what to do with it', async () => {
    await list('*.vendor.example', 'files.example:8443')
    expect(await line.run('ca', 'init')).toBe(exitCodes.ok)
    expect(line.notes.join('')).toMatch(/starling ca export.*Group Policy.*intercept\.enabled/s)
    expect((await stat(filesIn(line.folder).interceptCa)).mode & 0o777).toBe(0o600)
    await line.run('ca', 'show')
    expect(line.out.join('\n')).toMatch(/names +files\.example, vendor\.example.*signs +now.*It fits/s)
  })

  it('gives out the certificate and never the key', async () => {
    await list('files.example')
    await line.run('ca', 'init')
    const { sha256 } = (await shown()).authorities[0]!
    await line.run('ca', 'export')
    expect(line.out.join('\n')).toMatch(/^-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----$/)
    for (const name of ['ca.pem', 'ca.cer']) {
      const file = join(line.folder, 'out', name)
      expect(await line.run('ca', 'export', file)).toBe(exitCodes.ok)
      const bytes = await readFile(file)
      expect(new X509Certificate(bytes).fingerprint256.replaceAll(':', '').toLowerCase()).toBe(sha256)
      expect([name, bytes.includes('BEGIN')]).toEqual([name, name === 'ca.pem'])
    }
  })

  it('writes the certificate over an older one, and over nothing else', async () => {
    await list('files.example')
    await line.run('ca', 'init')
    const file = join(line.folder, 'ca.cer')
    for (let times = 0; times < 2; times++) expect(await line.run('ca', 'export', file)).toBe(exitCodes.ok)
    expect(await line.run('ca', 'export', filesIn(line.folder).interceptCa)).toBe(exitCodes.failed)
    expect(line.notes.join('')).toMatch(/is no certificate: choose another name/)
    expect((await shown()).authorities).toHaveLength(1)
  })

  it('makes no second one for the same list, but a successor for another list', async () => {
    await list('files.example')
    await line.run('ca', 'init')
    expect(await line.run('ca', 'init')).toBe(exitCodes.failed)
    expect(line.notes.join('')).toMatch(/there is a CA for just these hosts/)

    await list('files.example', 'more.example')
    expect((await shown()).fits).toBe(false)
    expect(await line.run('ca', 'init')).toBe(exitCodes.ok)
    const { fits, authorities } = await shown()
    expect([fits, authorities.map(({ names }) => names)]).toEqual([
      true,
      [['files.example', 'more.example'], ['files.example']]
    ])
    const [next, present] = authorities
    expect(next!.signsFrom - Date.now()).toBeGreaterThan((present!.expiresAt - Date.now()) / 2 - 60_000)
    await line.run('ca', 'export')
    expect(line.out.join('\n').match(/BEGIN CERTIFICATE/g)).toHaveLength(2)

    await line.run('ca', 'init', '--now')
    const after = await shown()
    expect([after.authorities.length, after.authorities[0]!.signsFrom <= Date.now()]).toEqual([1, true])
  })

  it('takes the list of the running agent, which may have been given more', async () => {
    const page = await line.startAgent()
    page.status = makeStatus({
      intercept: { hosts: ['told.example'], authorities: [], opened: 0, rejected: 0, tunnelled: [] }
    })
    await line.run('ca', 'init')
    expect((await shown()).authorities[0]!.names).toEqual(['told.example'])
  })

  it('says what is missing', async () => {
    expect(await line.run('ca', 'export')).toBe(exitCodes.failed)
    expect(line.notes.join('')).toMatch(/ca init/)
    expect(await line.run('ca', 'init')).toBe(exitCodes.failed)
    expect(line.notes.join('')).toMatch(/intercept\.hosts.*none are listed/)
  })
})

it('makes no CA for a public suffix, not even for an agent that runs with one', async () => {
  const page = await line.startAgent()
  page.status = makeStatus({
    intercept: { hosts: ['a.example', '*.co.uk'], authorities: [], opened: 0, rejected: 0, tunnelled: [] }
  })
  expect(await line.run('ca', 'init')).toBe(exitCodes.failed)
  expect(line.notes.join('')).toMatch(
    /intercept\.hosts goes too far: co\.uk is a public suffix.*name\.co\.uk/
  )
})

it('has the running agent try again whom it tunnels, all or those that are named', async () => {
  expect(await line.run('ca', 'retry')).toBe(exitCodes.failed)
  expect(line.notes.join('')).toMatch(/no agent runs/)
  const page = await line.startAgent()
  expect(await line.run('ca', 'retry', '--host', 'files.example', '--client', '192.0.2.9')).toBe(exitCodes.ok)
  expect(line.out.join('')).toMatch(/2 forgotten: .* intercepted again/)
  await line.run('ca', 'retry')
  expect(page.asked).toEqual(['retry {"host":"files.example","client":"192.0.2.9"}', 'retry {}'])
})

it('status tells what is opened, and who gets tunnels', async () => {
  const page = await line.startAgent()
  page.status = makeStatus({
    intercept: {
      hosts: ['files.example'],
      authorities: [],
      opened: 7,
      rejected: 1,
      tunnelled: [
        {
          host: 'files.example',
          port: 443,
          client: '192.0.2.9',
          why: 'unknown ca',
          until: Date.UTC(2030, 1, 1)
        },
        { host: 'cert.example', port: 443, client: '', why: 'no answer', until: Date.UTC(2030, 1, 1) }
      ]
    }
  })
  await line.run('status')
  const text = line.out.join('\n')
  expect(text).toMatch(/intercepts +files\.example: 7 connections opened, 1 broken off by clients; no CA/)
  expect(text).toMatch(/files\.example:443 for 192\.0\.2\.9 until 2030-02-01T00:00Z: unknown ca/)
  expect(text).toMatch(/cert\.example:443 for all clients/)
})
