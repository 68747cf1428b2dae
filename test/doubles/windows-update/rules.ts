/**
 * What goes wrong between a client and its update, chosen request by request: by host, path, header and query. The
 * first rule that matches decides.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Faults } from '../origin-faults.ts'
import type { PlainAnswer } from '../origin.ts'

export interface Rule {
  readonly host?: RegExp
  readonly path?: RegExp
  /** Each of these must be there and match; names in lower case. */
  readonly headers?: Readonly<Record<string, RegExp>>
  readonly query?: Readonly<Record<string, RegExp>>
  /** Only for the first so many requests that match; without it for all. */
  readonly times?: number
  /** Status, delay, wrong bytes, wrong headers, broken connections: all that an origin can do wrong. */
  readonly faults?: Faults
  /** Something else altogether. */
  readonly answer?: PlainAnswer
}

/** A request as rules and logs see it. */
export interface Asked {
  readonly method: string
  /** With its port, if it came with one; in lower case. */
  readonly host: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
}

export interface Rules {
  add(rule: Rule): void
  clear(): void
  /** The rule for this request, whose times are counted. */
  take(asked: Asked): Rule | null
}

export function createRules(): Rules {
  let rules: Array<{ readonly rule: Rule; timesLeft: number }> = []
  return {
    add: rule => void rules.push({ rule, timesLeft: rule.times ?? Infinity }),
    clear: () => {
      rules = []
    },
    take(asked) {
      const found = rules.find(({ rule, timesLeft }) => timesLeft > 0 && matches(rule, asked))
      if (found === undefined) return null
      found.timesLeft--
      return found.rule
    }
  }
}

function matches(rule: Rule, asked: Asked): boolean {
  const header = (name: string): string | null => asked.headers[name]?.toString() ?? null
  return (
    fits(rule.host, asked.host) &&
    fits(rule.path, asked.path) &&
    Object.entries(rule.headers ?? {}).every(([name, wanted]) => fits(wanted, header(name))) &&
    Object.entries(rule.query ?? {}).every(([name, wanted]) => fits(wanted, asked.query.get(name)))
  )
}

function fits(wanted: RegExp | undefined, text: string | null): boolean {
  return wanted === undefined || (text !== null && wanted.test(text))
}

/** What a hotel's network says to every request until somebody has agreed to its terms: 200, and not what was asked for. */
export const captivePortal: PlainAnswer = {
  status: 200,
  headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'max-age=600' },
  body: '<!doctype html><title>Welcome</title><form action="/agree"><button>I agree to the terms</button></form>\n'
}
