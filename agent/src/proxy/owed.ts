/**
 * What a client of a cache host is owed: a byte, and soon. Delivery Optimization that gets none for 20 s stays away from
 * every cache host for a quarter of an hour; after a 5xx, or a body that breaks off, it asks the origin at once. So whoever
 * cannot be given anything in time is told so before it finds out by itself.
 */
import type { ServerResponse } from 'node:http'
import type { Millis } from '@starling/shared/units.ts'
import { replyWithText } from './replies.ts'

export interface Owed {
  /** Bytes are on their way to the client: how fast it takes them is its own affair. */
  paying(): void
  /** It has them; the next are due. */
  paid(): void
}

/** For clients that wait as long as it takes. */
export const nothingOwed: Owed = { paying: () => {}, paid: () => {} }

/** @param late called when the client has got its answer all the same: what was done for it is to end */
export function owe(res: ServerResponse, waitMsMax: Millis, late: () => void): Owed {
  let timer = setTimeout(giveUp, waitMsMax)
  res.once('close', () => clearTimeout(timer))

  function giveUp(): void {
    // All of it has been handed over already.
    if (res.writableEnded) return
    if (res.headersSent) return void res.destroy()
    res.once('finish', late)
    replyWithText(res, 504, `nothing came within ${waitMsMax / 1000} s: ask the origin directly`)
  }
  return {
    paying: () => clearTimeout(timer),
    paid() {
      clearTimeout(timer)
      if (!res.closed) timer = setTimeout(giveUp, waitMsMax)
    }
  }
}
