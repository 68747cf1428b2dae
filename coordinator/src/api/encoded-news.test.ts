import { decodeBody, newsResponseShape } from '@starling/shared/coordinator-api.ts'
import { ordersDigest, type OrderList } from '@starling/shared/orders.ts'
import { expect, it } from 'vitest'
import { encodedNews } from './encoded-news.ts'

const list = [{ id: '0'.repeat(16), kind: 'pin', what: 'files.example/a', by: null, bytesPerSecond: null }]
const orders: OrderList = { digest: ordersDigest(list), list }

it('the same orders are encoded once, and only where nothing else is told', () => {
  const alone = { policy: null, revocations: null, orders }
  const first = encodedNews(alone)
  expect(decodeBody(newsResponseShape, first)).toMatchObject({ orders })
  expect(encodedNews({ ...alone })).toBe(first)
  const purges = { version: 1, list: [] }
  expect(decodeBody(newsResponseShape, encodedNews({ ...alone, purges }))).toMatchObject({ purges, orders })
  expect(encodedNews(alone)).toBe(first)
})
