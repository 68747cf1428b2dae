import type { TransferId } from '@starling/shared/ids.ts'
import { expect, it, vi } from 'vitest'
import type { StoredTransfer } from '../ports.ts'
import { meantBy } from './pins.ts'

it('works out the key of a URL once, however much is kept', () => {
  const kept = Array.from(
    { length: 100 },
    (_, index) =>
      ({
        head: {
          transfer: String(index).padStart(64, '0') as TransferId,
          head: { key: `files.example/${index}` }
        }
      }) as StoredTransfer
  )
  const keyOf = vi.fn<(url: string) => string>(url => url.replace('http://', ''))
  expect(kept.filter(meantBy('http://files.example/7', keyOf))).toEqual([kept[7]])
  expect(keyOf).toHaveBeenCalledTimes(1)
})
