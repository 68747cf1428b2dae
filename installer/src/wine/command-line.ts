/**
 * A line as an admin types it, through a batch file: msiexec takes its own way of quotes (`CACHEDIR="D:\A B"`), which no
 * argument list can say, and only a batch file can tell an exit code above 255.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunOptions, WineEnd, WineSession } from './session.ts'

/** @param line ASCII: a batch file is read in a code page. @returns with the exit code as Windows has it: 1603 */
export async function runLine(wine: WineSession, line: string, options: RunOptions = {}): Promise<WineEnd> {
  const batch = join(wine.exchange, 'line.cmd')
  const code = join(wine.exchange, 'line.code')
  const lines = ['@echo off', line, '>Z:\\mnt\\exchange\\line.code echo %ERRORLEVEL%', '']
  await writeFile(batch, lines.join('\r\n'))
  const end = await wine.run('cmd', ['/c', 'Z:\\mnt\\exchange\\line.cmd'], options)
  try {
    return { ...end, code: Number(await readFile(code, 'utf8')) }
  } finally {
    await Promise.all([batch, code].map(file => rm(file, { force: true })))
  }
}

/** @param words all after `msiexec`: `/i Z:\mnt\out\starling.msi /qn SITE=berlin` */
export function msiexec(wine: WineSession, words: string, options: RunOptions = {}): Promise<WineEnd> {
  return runLine(wine, `msiexec ${words}`, options)
}
