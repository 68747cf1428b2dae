import { expect, it } from 'vitest'
import { hashPassword, isPassword } from './passwords.ts'

it('a password is known again, and no other one is', async () => {
  const hash = await hashPassword('correct horse battery', 'eve')
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(await isPassword('correct horse battery', hash)).toBe(true)
  expect(await isPassword('correct horse batterz', hash)).toBe(false)
  expect(await hashPassword('correct horse battery', 'eve')).not.toBe(hash)
})

it('composed and decomposed letters are the same password', async () => {
  const hash = await hashPassword('schöne grüße aus köln', 'eve')
  expect(await isPassword('schöne grüße aus köln'.normalize('NFD'), hash)).toBe(true)
})

it('who has no password has none', async () => {
  expect(await isPassword('', null)).toBe(false)
  expect(await isPassword('anything at all', null)).toBe(false)
  expect(await isPassword('', 'no hash')).toBe(false)
})

it.each(['', 'short', 'aaaaaaaaaaaaaaaa', 'passpasspasspass', 'Eve-of-destruction-1', 'x'.repeat(257)])(
  'a weak one is refused: %j',
  async password => {
    await expect(hashPassword(password, 'eve')).rejects.toMatchObject({ code: 'password-weak' })
  }
)
