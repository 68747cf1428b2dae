/** Servers that are not ours: they cannot tell which port they were given for 0, nor say that they are ready. */
import { connect, createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { StarlingError } from '@starling/shared/errors.ts'
import type { Program } from './program.ts'

/** The moment between our closing it and their listening on it is short. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** @throws StarlingError `not-listening` with the program's own words */
export async function untilListening(program: Program, port: number): Promise<void> {
  let ended = false
  const note = (): unknown => (ended = true)
  program.ended.then(note, note)
  for (let tries = 0; tries < 100 && !ended; tries++) {
    if (await answers(port)) return
    await sleep(100)
  }
  throw new StarlingError(
    'not-listening',
    `${program.name} did not come up on port ${port}:\n${program.tail()}`
  )
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
