/**
 * The programs that Windows' settings are changed with, over a registry in memory: reg.exe as it prints and takes values (in German, since
 * nothing is to be read from its sentences), netsh and bitsadmin with what they write down.
 */
import type { ProgramRun } from '@starling/agent/run-program.ts'

export interface WindowsPrograms {
  /** By `hklm\...\name` in small letters: `REG_SZ text`. */
  readonly values: Map<string, string>
  /** Each change that was asked for, `reg add HKLM\...`. */
  readonly changes: string[]
  readonly run: ProgramRun
  /** Fails instead of making this change, once; the first that has the text in it. */
  failAt: string | null
  /** A key that this user may not read, nor what is below it. */
  closed: string | null
  /** A netsh that writes what 32-bit programs read, too. */
  writesBoth: boolean
  /** Says that it has made this change, and has not. */
  deafTo: string | null
  /** The change after so many is never made nor answered, as when the process ends there. */
  stopAfter: number
  /** When it has come to that. */
  readonly stopped: Promise<void>
}

const roots: Readonly<Record<string, string>> = {
  HKLM: 'HKEY_LOCAL_MACHINE',
  HKCU: 'HKEY_CURRENT_USER',
  HKU: 'HKEY_USERS'
}
const ok = (output = '') => ({ exitCode: 0, output })
const failed = { exitCode: 1, output: '\r\nFEHLER: Das System kann den Schl\ufffdssel nicht finden.\r\n' }

const uint = (value: number): Buffer => {
  const number = Buffer.alloc(4)
  number.writeUInt32LE(value)
  return number
}
const counted = (text: string): Buffer[] => [uint(text.length), Buffer.from(text)]

/** As WinHTTP and WinINet write them; the counter differs each time. */
export const winHttpBytes = (counter: number, flags: number, proxy = '', bypass = ''): string =>
  Buffer.concat([uint(0x28), uint(counter), uint(flags), ...counted(proxy), ...counted(bypass)]).toString(
    'hex'
  )
export const connectionBytes = (
  counter: number,
  flags: number,
  proxy = '',
  bypass = '',
  script = ''
): string =>
  Buffer.concat([
    uint(0x46),
    uint(counter),
    uint(flags),
    ...counted(proxy),
    ...counted(bypass),
    ...counted(script),
    Buffer.alloc(32)
  ]).toString('hex')

const settingsKey = 'SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings'
export const winHttpAt = `HKLM\\${settingsKey}\\Connections\\WinHttpSettings`
/** Of 32-bit programs. */
export const winHttp32At = winHttpAt.replace('SOFTWARE', 'SOFTWARE\\WOW6432Node')
export const systemProxyAt = `HKU\\S-1-5-18\\${settingsKey}`

export function createWindowsPrograms(given: Readonly<Record<string, string>> = {}): WindowsPrograms {
  const names = new Map<string, string>()
  const values = new Map<string, string>()
  const put = (path: string, value: string): void => {
    names.set(path.toLowerCase(), path)
    values.set(path.toLowerCase(), value)
  }
  for (const [path, value] of Object.entries(given)) put(path, value)
  let counter = 7
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>()

  function query(key: string, name: string | null): { exitCode: number; output: string } {
    const prefix = `${key.toLowerCase()}\\`
    const inside = [...values].filter(([path]) => path.startsWith(prefix))
    const direct = inside.filter(([path]) => {
      const rest = path.slice(prefix.length)
      return name === null ? !rest.includes('\\') : rest === name.toLowerCase()
    })
    if (name !== null && direct.length === 0) return failed
    if (name === null && inside.length === 0 && key.includes('\\')) return failed
    const full = key.replace(/^HK[A-Z]+/, root => roots[root] ?? root)
    const lines = direct.map(([path, value]) => {
      const [, type, data] = /^(\S+) ?(.*)$/s.exec(value)!
      return `    ${names.get(path)!.slice(prefix.length)}    ${type}    ${type === 'REG_BINARY' ? data!.toUpperCase() : data}`
    })
    const below = new Set(
      inside.flatMap(([path]) => {
        const [child, ...rest] = names.get(path)!.slice(prefix.length).split('\\')
        return rest.length === 0 ? [] : [`${full}\\${child}`]
      })
    )
    return ok(['', full, ...lines, '', ...(name === null ? below : []), ''].join('\r\n'))
  }

  const isClosed = (key: string): boolean =>
    programs.closed !== null && `${key}\\`.startsWith(`${programs.closed}\\`)

  const programs: WindowsPrograms = {
    values,
    changes: [],
    failAt: null,
    closed: null,
    writesBoth: false,
    deafTo: null,
    stopAfter: Infinity,
    stopped,
    async run(file, args) {
      const program = file.split('\\').at(-1)!
      const words = [program.replace(/\.exe$/, ''), ...args].join(' ')
      if (program === 'reg.exe' && args[0] === 'query' && isClosed(args[1]!)) return failed
      if (program === 'reg.exe' && args[0] === 'query')
        return query(args[1]!, args[2] === '/v' ? args[3]! : null)
      if (programs.failAt !== null && words.includes(programs.failAt)) {
        programs.failAt = null
        return failed
      }
      if (programs.changes.length >= programs.stopAfter) {
        stop()
        await new Promise(() => {})
      }
      programs.changes.push(words)
      return programs.deafTo !== null && words.includes(programs.deafTo) ? ok() : changed(program, args)
    }
  }

  function changed(program: string, args: readonly string[]): { exitCode: number; output: string } {
    const value = (name: string): string => args[args.indexOf(name) + 1]!
    if (program === 'reg.exe') {
      const path = `${args[1]}\\${value('/v')}`
      if (args[0] === 'add') put(path, `${value('/t')} ${value('/d')}`)
      else if (!values.delete(path.toLowerCase())) return failed
      return ok()
    }
    counter++
    if (program === 'netsh.exe') {
      const [proxy, bypass] = args.slice(3).map(part => part.slice(part.indexOf('=') + 1))
      for (const at of programs.writesBoth ? [winHttpAt, winHttp32At] : [winHttpAt])
        put(at, `REG_BINARY ${winHttpBytes(counter, 3, proxy, bypass)}`)
      return ok()
    }
    const [, , , usage, script = ''] = args
    // Beside a script it searches, too; and without one it forgets what was on.
    put(
      `${systemProxyAt}\\Connections\\DefaultConnectionSettings`,
      `REG_BINARY ${usage === 'AUTOSCRIPT' ? connectionBytes(counter, 13, '', '', script) : connectionBytes(counter, 1)}`
    )
    put(`${systemProxyAt}\\ProxyEnable`, 'REG_DWORD 0x0')
    if (usage === 'AUTOSCRIPT') put(`${systemProxyAt}\\AutoConfigURL`, `REG_SZ ${script}`)
    return ok()
  }
  return programs
}
