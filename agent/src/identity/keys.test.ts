import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { publicKeyOf, verifyBy } from './agent-key.ts'
import { createIdentity, loadOrCreateIdentity } from './keys.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-keys-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})
const path = (): string => join(folder, 'identity.key')

describe('an identity', () => {
  it('is the same after a restart, and leaves no other file', async () => {
    const first = await loadOrCreateIdentity(folder)
    expect((await loadOrCreateIdentity(folder)).agentId).toBe(first.agentId)
    expect(await readdir(folder)).toEqual(['identity.key'])
  })

  it.skipIf(process.platform === 'win32')('is for its owner alone', async () => {
    await loadOrCreateIdentity(folder)
    expect((await stat(path())).mode & 0o777).toBe(0o600)
  })

  it('is one, also when two processes make it at the same moment', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateIdentity(folder)))
    expect(new Set(made.map(({ agentId }) => agentId)).size).toBe(1)
  })

  it('has the name that libp2p gives its key', () => {
    const identity = createIdentity()
    expect(identity.agentId).toBe(peerIdFromPrivateKey(identity.libp2pKey).toString())
    expect(publicKeyOf(identity.agentId).export({ format: 'jwk' }).x).toBe(
      identity.nodeKey.export({ format: 'jwk' }).x
    )
  })

  it('signs what libp2p verifies, and nothing else passes', async () => {
    const identity = createIdentity()
    const bytes = Buffer.from('starling')
    const signature = identity.sign(bytes)
    expect(await identity.libp2pKey.publicKey.verify(bytes, signature)).toBe(true)
    expect(verifyBy(identity.agentId, bytes, signature)).toBe(true)
    expect(verifyBy(createIdentity().agentId, bytes, signature)).toBe(false)
    expect(verifyBy(identity.agentId, Buffer.from('starlinG'), signature)).toBe(false)
    expect(verifyBy(identity.agentId, bytes, signature.subarray(1))).toBe(false)
    expect(verifyBy('12D3KooW' + '1'.repeat(44), bytes, signature)).toBe(false)
  })
})

describe('a bad key file is an error and is left as it is', () => {
  const damages: Array<[string, (text: string) => string]> = [
    ['empty', () => ''],
    ['cut off', text => text.slice(0, 120)],
    ['another kind of file', () => 'hello'],
    [
      'a changed seed',
      text => text.replace(/(?<=PRIVATE KEY-----\n.{40})./, char => (char === 'A' ? 'B' : 'A'))
    ],
    ['without its name', text => text.replace(/^.*\n/, '')]
  ]
  it.each(damages)('%s', async (_, damage) => {
    await loadOrCreateIdentity(folder)
    const text = damage(await readFile(path(), 'utf8'))
    await writeFile(path(), text)
    await expect(loadOrCreateIdentity(folder)).rejects.toMatchObject({ code: 'identity-damaged' })
    expect(await readFile(path(), 'utf8')).toBe(text)
  })

  it.skipIf(process.platform === 'win32')('readable by others', async () => {
    await loadOrCreateIdentity(folder)
    await rm(path())
    await writeFile(path(), 'x', { mode: 0o644 })
    await expect(loadOrCreateIdentity(folder)).rejects.toMatchObject({ code: 'secret-file-exposed' })
  })

  it('a folder in its place', async () => {
    await expect(loadOrCreateIdentity(join(folder, 'sub'), '../.')).rejects.toMatchObject({
      code: expect.stringMatching(/^secret-file-/) as string
    })
  })
})
