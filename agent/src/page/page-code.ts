/**
 * How the page gets the token without anybody copying it: `starling page`, which can read it, asks for a code and opens the page with
 * that in the address (`#code=...`). The page shows the code once and has the token. What stays in a browser's history, or shows in the
 * list of processes while the browser starts, is then of no use any more.
 */
import { randomBytes } from 'node:crypto'
import { minuteMs, type Millis } from '@starling/shared/units.ts'

const livesMs: Millis = minuteMs
/** More than a person asks for in a minute. */
const codesMax = 8

export interface PageCodes {
  make(): string
  /** Whether it is one, and was not shown before. */
  redeem(code: string): boolean
}

export function createPageCodes(now: () => Millis = () => performance.now()): PageCodes {
  /** By code, until when it is good. 192 random bits: nobody guesses one, however long he looks it up. */
  const codes = new Map<string, Millis>()
  return {
    make() {
      for (const [code, until] of codes) if (until <= now() || codes.size >= codesMax) codes.delete(code)
      const code = randomBytes(24).toString('base64url')
      codes.set(code, now() + livesMs)
      return code
    },
    redeem(code) {
      const until = codes.get(code)
      codes.delete(code)
      return until !== undefined && until > now()
    }
  }
}
