/** A problem with the configuration as a line of text: `config.json:12:5  cache.quotaBytes: "plenty" does not fit; ...`. */
import type { ConfigOrigin, ConfigProblem } from './ports.ts'

export function problemText({ severity, setting, origin, message }: ConfigProblem): string {
  const label = severity === 'warning' ? 'warning: ' : ''
  return `${originText(origin)}  ${label}${setting === '' ? '' : `${setting}: `}${message}`
}

/** `config.json:12:5`, `environment STARLING_SITE`, `command line --site`, `default`. */
export function originText({ kind, name, line, column }: ConfigOrigin): string {
  if (kind !== 'file') return name === '' ? kind : `${kind} ${name}`
  return line === null ? name : `${name}:${line}:${column}`
}
