/** What URLs mean, remembered: a client asks for one in hundreds of ranges, and a hundred patterns are compared each time. */
import { LRUCache } from 'lru-cache'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import { recognise, type Recognised } from '@starling/shared/content-classes/recognise.ts'
import { urlsRememberedMax } from './limits.ts'

/** @returns as `recognise`, by the classes of the moment. @throws StarlingError `bad-url` */
export function createRecogniser(classes: () => readonly ContentClass[]): (url: string) => Recognised {
  const remembered = new LRUCache<string, Recognised>({ max: urlsRememberedMax })
  let rules = classes()
  return url => {
    const now = classes()
    if (now !== rules) remembered.clear()
    rules = now
    const known = remembered.get(url)
    if (known !== undefined) return known
    const recognised = recognise(url, rules)
    remembered.set(url, recognised)
    return recognised
  }
}
