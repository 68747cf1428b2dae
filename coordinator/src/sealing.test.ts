import { expect, it } from 'vitest'
import { createSealingKey, seal, unseal } from './sealing.ts'

const key = createSealingKey()
const plain = new TextEncoder().encode('https://hooks.example/T0/B0/secret')
const wrong = expect.objectContaining({ code: 'sealed-wrong' }) as Error

it('what is sealed is opened by the same key under the same name only', () => {
  const sealed = seal(key, 'webhook/1', plain)
  expect(unseal(key, 'webhook/1', sealed)).toEqual(plain)
  expect(() => unseal(key, 'webhook/2', sealed)).toThrow(wrong)
  expect(() => unseal(createSealingKey(), 'webhook/1', sealed)).toThrow(wrong)
})

it('no bit of it can be changed, and nothing cut off', () => {
  const sealed = seal(key, 'a', plain)
  for (const at of sealed.keys()) {
    const changed = sealed.slice()
    changed[at]! ^= 1
    expect(() => unseal(key, 'a', changed), String(at)).toThrow(wrong)
  }
  for (const length of [0, 5, 12, 20, 28, sealed.length - 1])
    expect(() => unseal(key, 'a', sealed.subarray(0, length)), String(length)).toThrow(wrong)
})

it('the same secret looks different each time, and is nowhere to be read', () => {
  const [one, other] = [seal(key, 'a', plain), seal(key, 'a', plain)]
  expect(one).not.toEqual(other)
  expect(Buffer.from(one).includes('hooks.example')).toBe(false)
})
