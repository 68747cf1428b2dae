/**
 * Talk with a program by lines of JSON over its stdin and stdout. The lab's own programs sit in network namespaces that
 * their parent cannot reach over any network, and must not: their LAN is what is measured.
 */
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'

interface Question {
  readonly id: number
  readonly command: string
  readonly body: unknown
}
interface Answer {
  readonly id: number
  readonly body?: unknown
  readonly error?: string
}

export interface Conversation {
  /** @throws StarlingError `lab-program-failed` with what the program says, or when it has ended */
  ask<T>(command: string, body?: unknown): Promise<T>
}

/** The parent's side. */
export function converse(name: string, child: ChildProcess): Conversation {
  const waiting = new Map<number, { resolve: (body: unknown) => void; reject: (error: Error) => void }>()
  let asked = 0
  let ended: string | null = null
  const failed = (why: string): Error => new StarlingError('lab-program-failed', `${name}: ${why}`)

  createInterface(child.stdout!).on('line', line => {
    const { id, body, error } = JSON.parse(line) as Answer
    const asker = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asker?.resolve(body)
    else asker?.reject(failed(error))
  })
  // A program that is gone is told by `close`; writing to it must not end us before.
  child.stdin!.on('error', () => {})
  child.once('close', (code, signal) => {
    ended = `ended with ${code === null ? signal : `exit code ${code}`}`
    for (const { reject } of waiting.values()) reject(failed(ended))
    waiting.clear()
  })

  return {
    ask: <T>(command: string, body: unknown = null) =>
      new Promise<T>((resolve, reject) => {
        if (ended !== null) return reject(failed(ended))
        const question: Question = { id: ++asked, command, body }
        waiting.set(question.id, { resolve: body => resolve(body as T), reject })
        child.stdin!.write(`${JSON.stringify(question)}\n`)
      })
  }
}

/** The program's side. It ends when its stdin does: its parent may die in any way without leaving it behind. */
export function answer(commands: Readonly<Record<string, (body: never) => unknown>>): void {
  const say = (answer: Answer): void => void process.stdout.write(`${JSON.stringify(answer)}\n`)
  createInterface(process.stdin)
    .on('line', line => {
      const { id, command, body } = JSON.parse(line) as Question
      void (async () => {
        try {
          const doIt = commands[command]
          if (doIt === undefined) throw new Error(`there is no command ${command}`)
          say({ id, body: await doIt(body as never) })
        } catch (error) {
          say({ id, error: messageOf(error) })
        }
      })()
    })
    .once('close', () => process.exit(0))
}
