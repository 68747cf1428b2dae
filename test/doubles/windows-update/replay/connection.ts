/**
 * One connection of a client, with one request at a time on it, exact headers in their exact order, and a record of what
 * came back. Nothing is repeated and no redirect is followed: what to make of an answer is the caller's.
 */
import { Agent, request as startRequest, type IncomingMessage } from 'node:http'
import { codeOf } from '@starling/shared/errors.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import { wayTo, type Target } from './target.ts'

export interface Question {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly url: string
  /** As they go over the wire; a Host without a value gets that of the target. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: string
}

export interface Exchange {
  readonly connection: number
  readonly method: string
  readonly path: string
  readonly requestHeaders: readonly string[]
  /** 0 when no answer came. */
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly bodyBytes: Bytes
  readonly ms: Millis
  readonly ended:
    | 'well'
    /** By the client, which had read enough. */
    | 'left'
    /** By the client, for want of a first byte in time. */
    | 'too late'
    /** By the server, in the middle. */
    | { readonly broken: string }
  /** Whether the connection was still there from the request before; true for the first. */
  readonly kept: boolean
}

export interface Connection {
  /**
   * @param take gets the head and each piece of the body; false leaves the rest unread and ends the connection
   */
  ask(question: Question, take: (head: Head, piece: Buffer) => boolean): Promise<Exchange>
  close(): void
}

export type Head = Pick<IncomingMessage, 'statusCode' | 'headers'>

export function openConnection(target: Target, number: number, firstByteMsMax: Millis): Connection {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  /** Whether the socket of the last answer should be there for the next request. */
  let expected = false

  return {
    async ask(question, take) {
      const way = wayTo(target, question.url)
      const requestHeaders = question.headers.flatMap(([name, value]) => [
        name,
        name === 'Host' && value === '' ? way.hostHeader : value
      ])
      const startedAt = performance.now()
      const { host, port, path } = way
      const request = startRequest({
        agent,
        host,
        port,
        path,
        method: question.method,
        headers: requestHeaders
      })
      let ended: Exchange['ended'] = 'well'
      const late = setTimeout(() => {
        ended = 'too late'
        request.destroy()
      }, firstByteMsMax)
      let response: IncomingMessage | null = null
      let bodyBytes = 0
      try {
        response = await answerTo(request, question.body)
        for await (const piece of response as AsyncIterable<Buffer>) {
          clearTimeout(late)
          bodyBytes += piece.length
          if (take(response, piece)) continue
          ended = 'left'
          break
        }
      } catch (error) {
        if (ended === 'well') ended = { broken: codeOf(error) ?? 'no code' }
      } finally {
        clearTimeout(late)
      }
      const kept = !expected || request.reusedSocket
      expected = ended === 'well'
      return {
        connection: number,
        method: question.method,
        path,
        requestHeaders,
        status: response?.statusCode ?? 0,
        headers: response?.headers ?? {},
        bodyBytes,
        ms: performance.now() - startedAt,
        ended,
        kept
      }
    },
    close: () => agent.destroy()
  }
}

function answerTo(
  request: ReturnType<typeof startRequest>,
  body: string | undefined
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    // Also after the head: what breaks then shows in the body.
    request.on('error', reject)
    request.end(body)
  })
}
