import { createSealingKey, type SealingKey } from '@starling/coordinator/sealing.ts'
import { openSecrets } from '@starling/coordinator/store/secrets.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const masterKey = createSealingKey()

export const secretsContract: StoreContract = harness => {
  const open = (key = masterKey) => openSecrets(harness.database, key, () => 1)

  it('are kept sealed, over a restart, under their name', async () => {
    const secrets = await open()
    await harness.database.transaction(async within => {
      await secrets.write(within, 'webhook/1', bytes('first'))
      await secrets.write(within, 'webhook/1', bytes('second'))
    })
    expect(await secrets.read('webhook/1')).toEqual(bytes('second'))
    expect(await secrets.read('webhook/2')).toBeNull()
    const [row] = await harness.database.db.selectFrom('secrets').selectAll().execute()
    expect(Buffer.from(row!.sealed).includes('second')).toBe(false)
    await harness.reopen()
    expect(await (await open()).read('webhook/1')).toEqual(bytes('second'))
  })

  it('do not open to another master key, which is said at once', async () => {
    await open()
    await expect(open(createSealingKey())).rejects.toMatchObject({ code: 'master-key-wrong' })
  })

  it('survive a rotation, also for those who have not heard of it, and the old data key opens nothing more', async () => {
    const secrets = await open()
    const other = await openSecrets(await harness.rival(), masterKey, () => 1)
    await harness.database.transaction(within => secrets.write(within, 'a', bytes('kept')))
    const before = await harness.database.db.selectFrom('dataKeys').select('id').execute()
    expect(await other.read('a')).toEqual(bytes('kept'))
    expect(await harness.database.transaction(within => secrets.rotate(within))).toBe(1)
    const after = await harness.database.db.selectFrom('dataKeys').select('id').execute()
    expect([before.length, after.length]).toEqual([1, 1])
    expect(after).not.toEqual(before)
    expect(await other.read('a')).toEqual(bytes('kept'))
    await (await harness.rival()).transaction(within => other.write(within, 'b', bytes('new')))
    expect(await secrets.read('b')).toEqual(bytes('new'))
  })

  it('are wrapped by a new master key after a rotation to it', async () => {
    const secrets = await open()
    await harness.database.transaction(within => secrets.write(within, 'a', bytes('kept')))
    const newKey = createSealingKey()
    await harness.database.transaction(within => secrets.rotate(within, async () => newKey))
    await expect(open()).rejects.toMatchObject({ code: 'master-key-wrong' })
    expect(await (await open(newKey)).read('a')).toEqual(bytes('kept'))
  })
  it('refuse at a coordinator that has the old master key only, and open as soon as it is given the new one', async () => {
    let found: SealingKey | null = null
    const secrets = await open()
    const other = await openSecrets(
      await harness.rival(),
      masterKey,
      () => 1,
      async fits => (found !== null && fits(found) ? found : null)
    )
    await harness.database.transaction(within => secrets.write(within, 'a', bytes('kept')))
    expect(await other.read('a')).toEqual(bytes('kept'))
    const newKey = createSealingKey()
    await harness.database.transaction(within => secrets.rotate(within, async () => newKey))
    const wrong = { code: 'master-key-wrong' }
    const rival = await harness.rival()
    await expect(other.read('a')).rejects.toMatchObject(wrong)
    await expect(rival.transaction(within => other.write(within, 'b', bytes('x')))).rejects.toMatchObject(
      wrong
    )
    // Nor does it wrap a data key with the old one again.
    await expect(rival.transaction(within => other.rotate(within))).rejects.toMatchObject(wrong)
    found = newKey
    expect(await other.read('a')).toEqual(bytes('kept'))
    await rival.transaction(within => other.rotate(within))
    await expect(open()).rejects.toMatchObject(wrong)
    expect(await (await open(newKey)).read('a')).toEqual(bytes('kept'))
  })
}
