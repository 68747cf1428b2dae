/**
 * `<data>/agent.json`: how the other commands find the agent that runs on a folder. It is written when the agent is ready and
 * removed when it stops; after a crash it is left over, so it is believed only while its process lives and answers by
 * its id (a pid alone may have gone to another program).
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { z } from 'zod'
import { filesIn } from '../config.ts'

const shape = z.object({
  pid: z.number().int().positive(),
  id: z.string().min(1),
  proxy: z.url(),
  page: z.url(),
  startedAt: z.number()
})
export type AgentFile = Readonly<z.infer<typeof shape>>

export async function writeAgentFile(dataFolder: string, content: AgentFile): Promise<void> {
  const file = filesIn(dataFolder).running
  const newFile = `${file}.${process.pid}.new`
  try {
    await writeFile(newFile, `${JSON.stringify(content)}\n`)
    await rename(newFile, file)
  } finally {
    await rm(newFile, { force: true })
  }
}

/** Removes it, if it is still ours. */
export async function removeAgentFile(dataFolder: string): Promise<void> {
  const kept = await readAgentFile(dataFolder)
  if (kept?.pid === process.pid) await rm(filesIn(dataFolder).running, { force: true })
}

/**
 * Null when there is none, or nothing that could be one.
 * @throws StarlingError `data-folder-closed`
 */
export async function readAgentFile(dataFolder: string): Promise<AgentFile | null> {
  const file = filesIn(dataFolder).running
  try {
    const parsed = shape.safeParse(JSON.parse(await readFile(file, 'utf8')))
    return parsed.success ? parsed.data : null
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return null
    throw new StarlingError(
      'data-folder-closed',
      `${file} cannot be read (${messageOf(error)}): run this as the user that the agent runs as, or name its folder with --data`,
      { cause: error }
    )
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It lives, but is another user's.
    return codeOf(error) === 'EPERM'
  }
}
