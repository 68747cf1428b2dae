/**
 * Whether a client would be served where it was pointed to: the requests that show it, made as the client makes them, past all proxies of
 * our own environment.
 */
import { Agent, get, type IncomingMessage } from 'node:http'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { KiB, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Check } from './item-rules.ts'

/** A cache host says something within 12 s. */
const answerMs: Millis = 15 * secondMs
const readBytesMax: Bytes = 64 * KiB

export interface Answer {
  readonly status: number
  /** Which no other server has; null: there is none. */
  readonly starling: string | null
  readonly body: string
}

export interface Asking {
  /** Fails when nobody answers. */
  (url: string): Promise<Answer>
}

/** @returns what is worth knowing although it is well. @throws StarlingError `not-serving` */
export async function checkAll(checks: readonly Check[], ask: Asking): Promise<readonly string[]> {
  const notes: string[] = []
  for (const { url, proves, what } of checks) {
    const answer = await ask(url).catch((error: unknown) => messageOf(error))
    const why = problemOf(url, answer)
    const isServed = why === null && (typeof answer === 'string' || answer.status < 500 || proves === 'agent')
    if (isServed) continue
    const told = why ?? `${(answer as Answer).status}, ${firstLine((answer as Answer).body)}`
    if (proves !== 'hope')
      throw new StarlingError('not-serving', `${what} does not answer at ${url} (${told})`)
    notes.push(
      `${what} did not come through the agent (${told}): until it does, clients go to the origin by themselves`
    )
  }
  return notes
}

/** Null: it is an answer that our agent gave or passed on. */
function problemOf(url: string, answer: Answer | string): string | null {
  if (typeof answer === 'string') return answer
  // What stands behind us may be ours as well, but nobody else says this of an address of his own.
  const isOurs = new URL(url).pathname === '/proxy.pac' ? isOwn(answer) : answer.starling !== null
  if (isOurs) return null
  return `another program answers there, with ${answer.status}`
}

const isOwn = ({ status, starling }: Answer): boolean =>
  status === 200 && starling?.startsWith('own;') === true

const firstLine = (body: string): string => (body.split('\n')[0] ?? '').slice(0, 200)

export const askOverHttp: Asking = url =>
  new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false })
    const asked = get(url, { agent }, response => {
      void readStart(response).then(
        body => {
          const { statusCode = 0, headers } = response
          const starling = headers['x-starling']
          resolve({ status: statusCode, starling: typeof starling === 'string' ? starling : null, body })
        },
        (error: unknown) => reject(error)
      )
    })
    const timer = setTimeout(
      () => asked.destroy(new Error(`no answer within ${answerMs / secondMs} s`)),
      answerMs
    )
    asked.on('error', reject).on('close', () => clearTimeout(timer))
  })

async function readStart(response: IncomingMessage): Promise<string> {
  let body = ''
  for await (const piece of response.setEncoding('latin1')) {
    body += piece as string
    if (body.length >= readBytesMax) break
  }
  return body
}
