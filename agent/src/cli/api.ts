/** The command line's side of the local API: plain HTTP to the page of the agent that runs on a data folder. */
import { readFile } from 'node:fs/promises'
import { Agent, request, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { filesIn } from '../config.ts'
import type { AgentStatus, UpstreamView } from '../ports.ts'
import { isAlive, readAgentFile, type AgentFile } from './agent-file.ts'

/** A healthy agent answers in milliseconds; a machine that swaps may take a while. */
const answerWithinMs: Millis = 10 * secondMs

export interface Api {
  readonly agent: AgentFile
  status(): Promise<AgentStatus>
  upstreams(): Promise<readonly UpstreamView[]>
  /** Each change of the status, from now until the agent or the signal ends it. */
  events(signal: AbortSignal): AsyncIterable<AgentStatus>
  /** A view that anybody on this machine may see. */
  look(path: string): Promise<unknown>
  /** A view that only the agent's user gets to see. */
  read(path: string): Promise<unknown>
  /** The same of what is no JSON. */
  readBytes(path: string): Promise<Uint8Array>
  /** A request that changes something. */
  change(method: 'PUT' | 'DELETE', path: string): Promise<void>
  /** A request with a body that changes something and answers with JSON. */
  post(path: string, body: object): Promise<unknown>
  /** A request that changes something and answers line by line. */
  lines(path: string, signal: AbortSignal): AsyncIterable<unknown>
}

/** Null when no agent runs on this folder. */
export async function findAgent(dataFolder: string): Promise<Api | null> {
  const agent = await readAgentFile(dataFolder)
  if (agent === null || !isAlive(agent.pid)) return null
  const api = createApi(dataFolder, agent)
  try {
    return (await api.status()).id === agent.id ? api : null
  } catch (error) {
    // Something else has that pid now, or that port.
    if (['ECONNREFUSED', 'ECONNRESET', 'api-refused'].includes(codeOf(error)) || error instanceof SyntaxError)
      return null
    throw error
  }
}

/** @throws StarlingError `no-agent` */
export async function requireAgent(dataFolder: string): Promise<Api> {
  const api = await findAgent(dataFolder)
  if (api !== null) return api
  const left = await readAgentFile(dataFolder)
  const stale =
    left === null
      ? ''
      : ` (agent.json there is left over from process ${left.pid}, which ended without stopping)`
  throw new StarlingError(
    'no-agent',
    `no agent runs on ${dataFolder}${stale}. Start one with: starling run --data "${dataFolder}", ` +
      'or name the folder of the one that runs with --data'
  )
}

/** A view that anybody on this machine may see, of whoever has his page there. @throws when that is no agent */
export async function lookAtPage(page: string, path: string): Promise<unknown> {
  const response = await open(new URL(path, page), 'GET', {}, {})
  if (response.statusCode !== 200) throw await refusalOf(response)
  return JSON.parse(await textOf(response)) as unknown
}

function createApi(dataFolder: string, agent: AgentFile): Api {
  const token = async () =>
    (
      await readFile(filesIn(dataFolder).pageToken, 'utf8').catch((error: unknown) => {
        throw new StarlingError(
          'no-token',
          `the token of the running agent cannot be read (${messageOf(error)}): ` +
            'run this as the user that the agent runs as',
          { cause: error }
        )
      })
    ).trim()
  const ask = async (method: string, path: string, options: AskOptions = {}) => {
    const headers: Record<string, string> =
      options.withToken === true ? { authorization: `Bearer ${await token()}` } : {}
    if (options.body !== undefined) headers['content-type'] = 'application/json'
    const response = await open(new URL(path, agent.page), method, headers, options)
    if (response.statusCode !== undefined && response.statusCode < 300) return response
    throw await refusalOf(response)
  }
  return {
    agent,
    async status() {
      return JSON.parse(await textOf(await ask('GET', '/api/v1/status'))) as AgentStatus
    },
    async upstreams() {
      return JSON.parse(await textOf(await ask('GET', '/api/v1/upstreams'))) as readonly UpstreamView[]
    },
    async *events(signal) {
      const response = await ask('GET', '/api/v1/events', { signal, stream: true })
      for await (const line of linesOf(response, signal)) {
        if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length)) as AgentStatus
      }
    },
    async look(path) {
      return JSON.parse(await textOf(await ask('GET', path))) as unknown
    },
    async readBytes(path) {
      const pieces: Buffer[] = []
      for await (const piece of await ask('GET', path, { withToken: true })) pieces.push(piece as Buffer)
      return Buffer.concat(pieces)
    },
    async read(path) {
      return JSON.parse(await textOf(await ask('GET', path, { withToken: true }))) as unknown
    },
    async change(method, path) {
      await textOf(await ask(method, path, { withToken: true }))
    },
    async post(path, body) {
      const options = { withToken: true, body: JSON.stringify(body) }
      return JSON.parse(await textOf(await ask('POST', path, options))) as unknown
    },
    async *lines(path, signal) {
      const response = await ask('POST', path, { withToken: true, signal, stream: true })
      for await (const line of linesOf(response, signal)) yield JSON.parse(line) as unknown
    }
  }
}

interface AskOptions {
  /** Shows the token. */
  readonly withToken?: boolean
  readonly stream?: boolean
  readonly body?: string
  readonly signal?: AbortSignal
}

function open(
  url: URL,
  method: string,
  headers: Record<string, string>,
  options: AskOptions
): Promise<IncomingMessage> {
  // An agent of its own: no proxy from the environment may stand between us and loopback, and nothing stays open.
  const agent = new Agent({ keepAlive: false })
  return new Promise((resolve, reject) => {
    const { signal } = options
    const asked = request(
      url,
      { agent, method, headers, ...(signal === undefined ? {} : { signal }) },
      response => {
        if (options.stream === true) asked.setTimeout(0)
        resolve(response)
      }
    )
    asked.setTimeout(answerWithinMs, () => {
      asked.destroy(
        new StarlingError(
          'api-silent',
          `the agent does not answer at ${url.origin}; see its log, or restart it`
        )
      )
    })
    asked.on('error', reject).end(options.body)
  })
}

async function refusalOf(response: IncomingMessage): Promise<StarlingError> {
  const text = await textOf(response)
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } }
    return new StarlingError(error.code, error.message)
  } catch {
    return new StarlingError(
      'api-refused',
      `what listens at the agent's address answered ${response.statusCode}: it is no agent`
    )
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const piece of response) text += piece as string
  return text
}

/** Ends quietly when the signal ended it. @throws StarlingError `agent-gone` */
async function* linesOf(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
  // readline may or may not pass a broken stream's error on; unheard it would end the process.
  let broken = false
  response.on('error', () => {
    broken = true
  })
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity }))
      if (line !== '') yield line
  } catch {
    broken = true
  }
  if (broken && !signal.aborted) {
    throw new StarlingError(
      'agent-gone',
      'the agent ended while it was answering; `starling run` starts it again'
    )
  }
}
