/** The zip for whoever helps: what the agent knows of itself, redacted, as files that a person can open. */
import { strToU8, zipSync } from 'fflate'
import type { Redactor } from './redact.ts'

/**
 * @param parts by file name; a list of lines for a name that ends in `.ndjson`. What failed is an Error, and told as such.
 */
export function makeBundle(parts: Readonly<Record<string, unknown>>, redactor: Redactor): Uint8Array {
  const files = Object.entries(parts).map(([name, value]) => {
    const told = value instanceof Error ? { problem: value.message } : value
    const clean = redactor.value(told)
    const text =
      name.endsWith('.ndjson') && Array.isArray(clean)
        ? clean.map(line => `${JSON.stringify(line)}\n`).join('')
        : `${JSON.stringify(clean, null, 2)}\n`
    return [name, strToU8(text)] as const
  })
  return zipSync(Object.fromEntries(files))
}
