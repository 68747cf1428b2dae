/**
 * The origin as a process of its own, as the demo and the bench run it: so the bytes it counts have truly left
 * a process and come to another. A second port takes commands, so that no path of the content is special:
 *
 *   GET  /__control                 -> { paths: { [path]: stats } }
 *   POST /__control                 <- { path, put?: { seed, length } | { file }, faults? } or { rate }
 *
 * Prints one line `{"ready":true,"url","control"}` and ends with SIGTERM, SIGINT, or when its stdin closes: the
 * process that started it may die in any way without leaving it behind.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { messageOf } from '@starling/shared/errors.ts'
import { fileContent, seededContent } from './content.ts'
import { parseFaults } from './origin-faults.ts'
import { startOrigin } from './origin.ts'

const origin = await startOrigin()

const control = createServer((request, response) => {
  const reply = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  if (request.url !== '/__control') return reply(404, { error: 'commands go to /__control' })
  if (request.method === 'GET') {
    return reply(200, { paths: Object.fromEntries(origin.paths().map(path => [path, origin.stats(path)])) })
  }
  obey(request).then(
    () => reply(200, {}),
    (error: unknown) => reply(400, { error: messageOf(error) })
  )
})

async function obey(request: IncomingMessage): Promise<void> {
  const command = JSON.parse(await text(request)) as {
    path?: string
    put?: { seed: string; length: number } | { file: string }
    faults?: unknown
    rate?: number | null
  }
  if (command.rate !== undefined) origin.setRate(command.rate)
  const { path, put, faults } = command
  if (path === undefined) return
  if (put !== undefined) {
    origin.put(path, 'file' in put ? await fileContent(put.file) : seededContent(put.seed, put.length))
  }
  if (faults !== undefined) origin.setFaults(path, parseFaults(faults))
}

await new Promise<void>(resolve => control.listen(0, '127.0.0.1', resolve))
const port = (control.address() as AddressInfo).port
console.log(JSON.stringify({ ready: true, url: origin.url, control: `http://127.0.0.1:${port}/__control` }))

let stopping = false
const stop = (): void => {
  if (stopping) return
  stopping = true
  control.close()
  control.closeAllConnections()
  process.stdin.destroy()
  void origin.close()
}
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
process.stdin.once('end', stop).resume()
