/** Authenticode with a certificate that is given, through osslsigncode; without one nothing is signed, and that is said. */
import { execFile } from 'node:child_process'
import { rename, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'

const execute = promisify(execFile)

export interface Signer {
  /** A .pfx with its key, or a .pem with the chain that belongs to `key`. */
  readonly certificate: string
  /** A file, or a PKCS#11 URI of a key in a token; null: it is in the .pfx. */
  readonly key: string | null
  /** In a file, because a command line is seen by everybody on the machine. */
  readonly passwordFile: string | null
  /** A service that stamps the time (RFC 3161), without which a signature ends with its certificate. */
  readonly timeServer: string | null
  /** What the certificate leads to; null: what this machine trusts. */
  readonly authorities: string | null
}

/**
 * Signs a program or a package in place and reads the signature back.
 * @param at what it says of its time, for the same bytes each time; null: now
 * @throws StarlingError `signing`
 */
export async function sign(
  file: string,
  description: string,
  at: Date | null,
  signer: Signer
): Promise<void> {
  const draft = `${file}.signed`
  const { certificate, key, passwordFile, timeServer, authorities } = signer
  try {
    await run('sign', [
      ...(key === null ? ['-pkcs12', certificate] : ['-certs', certificate, '-key', key]),
      ...(passwordFile === null ? [] : ['-readpass', passwordFile]),
      '-h',
      'sha256',
      '-n',
      description,
      ...(at === null ? [] : ['-time', String(at.getTime() / 1000)]),
      ...(timeServer === null ? [] : ['-ts', timeServer]),
      // Of a package the names and dates too.
      ...(file.endsWith('.msi') ? ['-add-msi-dse'] : []),
      '-in',
      file,
      '-out',
      draft
    ])
    const trust = authorities === null ? [] : ['-CAfile', authorities, '-TSA-CAfile', authorities]
    await run('verify', [...trust, '-in', draft])
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
}

async function run(command: 'sign' | 'verify', words: readonly string[]): Promise<void> {
  try {
    await execute('osslsigncode', [command, ...words])
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { readonly stdout?: string; readonly stderr?: string }
    const said = `${stdout}${stderr}`.trim()
    throw new StarlingError(
      'signing',
      `osslsigncode ${command} refused: ${said === '' ? messageOf(cause) : said}`,
      { cause }
    )
  }
}
