/**
 * News as they go out. Thousands are told the same policy, or the same orders, within a second, and a hundred orders take a
 * millisecond to encode: what is one thing alone is encoded once.
 */
import { encodeBody, type NewsResponse } from '@starling/shared/coordinator-api.ts'

const encoded = new WeakMap<object, Buffer>()

export function encodedNews(news: NewsResponse): Buffer {
  const alone = aloneIn(news)
  const known = alone === null ? undefined : encoded.get(alone)
  if (known !== undefined) return known
  const made = Buffer.from(encodeBody(news))
  if (alone !== null) encoded.set(alone, made)
  return made
}

function aloneIn({ policy, revocations, purges, orders }: NewsResponse): object | null {
  if (revocations !== null || purges !== undefined) return null
  if (policy !== null) return orders === undefined ? policy : null
  return orders ?? null
}
