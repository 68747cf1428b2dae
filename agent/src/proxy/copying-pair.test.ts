import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { copyingPair } from './copying-pair.ts'

test('what was written stays as it was when its buffer is used again', async () => {
  const [one, other] = copyingPair()
  const buffer = Buffer.from('first ')
  await new Promise(resolve => one.write(buffer, resolve))
  buffer.write('other ')
  await new Promise(resolve => one.write(buffer, resolve))
  buffer.fill('x')
  one.end()
  expect(await text(other)).toBe('first other ')
})

test('both ways, and nobody is asked for more than the other side takes', async () => {
  const [one, other] = copyingPair()
  const big = Buffer.alloc(other.readableHighWaterMark * 2)
  let isTaken = false
  one.write(big)
  one.write(big, () => (isTaken = true))
  await new Promise(setImmediate)
  expect(isTaken).toBe(false)
  one.end()
  other.end('back')
  const [all, back] = await Promise.all([other.toArray(), text(one)])
  expect([Buffer.concat(all as Buffer[]).length, back, isTaken]).toEqual([big.length * 2, 'back', true])
})

test('an end that breaks takes the other along', async () => {
  const [one, other] = copyingPair()
  const closed = once(other, 'close')
  one.destroy()
  await closed
  expect(other.destroyed).toBe(true)
})
