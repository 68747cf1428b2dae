/** The programs that we are measured with and against: where they are, or how to get them. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const packages = {
  curl: 'curl',
  go: 'golang-go',
  wrk: 'wrk',
  nginx: 'nginx-light',
  squid: 'squid',
  varnishd: 'varnish'
} as const

type Tool = keyof typeof packages

/** Debian puts servers where only root's PATH looks. */
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']

/** The path of its program, or null. */
export function find(tool: Tool): string | null {
  return folders.map(folder => join(folder, tool)).find(isProgram) ?? null
}

/** Why a bench cannot run without all of these, or null. */
export function whyNoTools(...tools: readonly Tool[]): string | null {
  const missing = tools.filter(tool => find(tool) === null)
  return missing.length === 0 ? null : `there is no ${missing.join(' and no ')} here: ${install(...missing)}`
}

export function install(...tools: readonly Tool[]): string {
  return `apt-get install -y --no-install-recommends ${tools.map(tool => packages[tool]).join(' ')}`
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
