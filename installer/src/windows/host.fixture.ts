/** An installation in a prefix of Wine: the real host and the real node.exe, with a small script in place of the agent. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { windowsNode } from '../node-win.ts'
import { runLine } from '../wine/command-line.ts'
import { removeRegistry, writeRegistry, type RegistryValues } from '../wine/registry.ts'
import type { WineEnd, WineSession } from '../wine/session.ts'
import { hostFile } from './host.ts'
import { serviceIni } from './host-ini.ts'

export const programFolder = 'C:\\Program Files\\Starling'
export const settingsKey = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Starling'
export const policyKey = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Starling'

/** `run` writes down in the data folder what it is told, as an agent would act on it; everything else is a command of an admin. */
const script = `
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const { STARLING_DATA: data, STARLING_TEST_DEED: deed = '', ...env } = process.env
const [command, ...words] = process.argv.slice(2)
const tell = fact => appendFileSync(data + '\\\\told.jsonl', JSON.stringify(fact) + '\\n')
const known = Object.entries(env).filter(([name]) => /^(STARLING_|UV_)/.test(name))

if (command !== 'run') {
  if (command === 'copy') process.stdin.pipe(process.stdout)
  else console.log(JSON.stringify({ command, words, env: Object.fromEntries(known), data }))
  process.exitCode = Number(words.at(-1)) || 0
} else {
  mkdirSync(data, { recursive: true })
  tell({ started: process.pid, words, env: Object.fromEntries(known) })
  console.log('said on stdout: \\u65e5\\u672c')
  console.error('said on stderr')
  if (deed === 'misconfigured') {
    console.error('STARLING_SITE: give a name')
    process.exit(78)
  }
  if (deed === 'crash') process.exit(3)
  if (deed === 'hung') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  if (deed === 'much') for (let i = 0; i < 60000; i++) console.log(String(i).padStart(200, '.'))
  if (deed === 'deaf') spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
  createInterface({ input: process.stdin })
    .on('line', line => tell({ line }))
    .on('close', () => {
      tell({ line: null })
      if (deed === 'deaf') setInterval(() => {}, 1000)
      else setTimeout(() => { tell({ stopped: true }); process.exit(0) }, 700)
    })
}
`

export interface Installation {
  /** As this machine sees C:\ProgramData\Starling. */
  readonly data: string
  host(...words: readonly string[]): Promise<WineEnd>
  /** What the script in the service has been told and has done. */
  told(): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>>
  log(): Promise<string>
  settings(values: RegistryValues): Promise<void>
  environment(values: RegistryValues): Promise<void>
  start(): Promise<WineEnd>
  stop(): Promise<WineEnd>
}

/** @param host starling-service.exe */
export async function installHost(wine: WineSession, host: string): Promise<Installation> {
  const folder = inWindows(wine, programFolder)
  const data = inWindows(wine, 'C:\\ProgramData\\Starling')
  await mkdir(join(folder, 'app'), { recursive: true })
  await copyFile(host, join(folder, hostFile))
  await copyFile(await windowsNode(), join(folder, 'node.exe'))
  await writeFile(join(folder, 'app', 'main.mjs'), script)
  // A service that does not stop is ended after 2 s here and not after 25.
  await writeFile(join(folder, 'starling-service.ini'), serviceIni('agent', { 'stop-seconds': '2' }))
  const program = `${programFolder}\\${hostFile}`
  await runLine(wine, `sc create Starling binPath= "\\"${program}\\" service" start= demand`)
  return {
    data,
    host: (...words) => wine.run(program, words),
    async told() {
      const text = await readFile(join(data, 'told.jsonl'), 'utf8').catch(() => '')
      return text
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line) as Record<string, unknown>)
    },
    log: () => readFile(join(data, 'logs', 'service.log'), 'utf8').catch(() => ''),
    settings: values => writeRegistry(wine, settingsKey, values),
    async environment(values) {
      await removeRegistry(wine, `${settingsKey}\\Environment`)
      await writeRegistry(wine, `${settingsKey}\\Environment`, values)
    },
    start: () => runLine(wine, 'sc start Starling'),
    stop: () => runLine(wine, 'sc stop Starling')
  }
}

/** Where a path of Windows' C: lies here. */
export function inWindows(wine: WineSession, path: string): string {
  return join(wine.driveC, ...path.slice('C:\\'.length).split('\\'))
}
