/**
 * Where the CAs are kept: one file in the data folder, with their keys, written and read as a secret. Keys never leave it:
 * `starling ca export` takes the certificates alone.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import { z } from 'zod'
import type { Ca } from './certificates.ts'

/** How secrets are read and written; identity/secret-file.ts has it. */
export interface SecretFiles {
  /** Null when there is no such file; throws when others may read it. */
  read(path: string): Promise<Uint8Array | null>
  /** Whole or not at all. */
  write(path: string, text: string): Promise<void>
}

const domains = z.array(z.string().min(1).max(253)).max(512)
const shape = z.object({
  version: z.literal(1),
  authorities: z
    .array(
      z.object({
        names: z.object({ permitted: domains, excluded: domains }),
        madeAt: z.number(),
        signsFrom: z.number(),
        expiresAt: z.number(),
        certificatePem: z.string().startsWith('-----BEGIN CERTIFICATE-----'),
        keyPem: z.string().startsWith('-----BEGIN PRIVATE KEY-----')
      })
    )
    .max(16)
})

/** Empty when there is none. @throws StarlingError `ca-damaged`, and those of reading a secret */
export async function readCas(files: SecretFiles, path: string): Promise<readonly Ca[]> {
  const bytes = await files.read(path)
  if (bytes === null) return []
  try {
    return shape.parse(JSON.parse(new TextDecoder().decode(bytes))).authorities
  } catch (cause) {
    throw new StarlingError(
      'ca-damaged',
      `${path} holds no CA that can be read: move it away and run \`starling ca init\``,
      { cause }
    )
  }
}

export async function writeCas(files: SecretFiles, path: string, all: readonly Ca[]): Promise<void> {
  await files.write(path, `${JSON.stringify({ version: 1, authorities: all }, null, 1)}\n`)
}
