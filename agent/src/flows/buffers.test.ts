import { describe, expect, it } from 'vitest'
import { createBuffers } from './buffers.ts'

const limits = { bufferBytes: 8, buffersMax: 2, buffersIdleMax: 1 }
const never = new AbortController().signal

describe('the pool of buffers', () => {
  it('hands out no more than its maximum; who comes later waits, first come first served', async () => {
    const pool = createBuffers(limits)
    const [one, two] = [await pool.take(never), await pool.take(never)]
    const got: string[] = []
    const third = pool.take(never).then(buffer => (got.push('third'), buffer))
    const fourth = pool.take(never).then(buffer => (got.push('fourth'), buffer))
    pool.give(two)
    expect(await third).toBe(two)
    expect(got).toEqual(['third'])
    pool.give(one)
    expect(await fourth).toBe(one)
    expect(pool.taken()).toBe(2)
  })

  it('lets a waiter go when it is aborted, and gives its turn to the next', async () => {
    const pool = createBuffers({ ...limits, buffersMax: 1 })
    const one = await pool.take(never)
    const abort = new AbortController()
    const gone = pool.take(abort.signal)
    const next = pool.take(never)
    abort.abort()
    await expect(gone).rejects.toMatchObject({ code: 'aborted' })
    await expect(pool.take(abort.signal)).rejects.toMatchObject({ code: 'aborted' })
    pool.give(one)
    expect(await next).toBe(one)
  })

  it('uses a buffer again, and notices one that is given back twice', async () => {
    const pool = createBuffers(limits)
    const one = await pool.take(never)
    pool.give(one)
    expect(() => pool.give(one)).toThrow(/twice/)
    expect(await pool.take(never)).toBe(one)
  })
})
