/** `pnpm installer`: what is handed out, in installer/dist/out, with an SBOM and a checksum beside each package. */
import { rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { StarlingError } from '@starling/shared/errors.ts'
import { house } from './house.ts'
import type { Signer } from './sign.ts'
import { buildMsi } from './windows/build.ts'
import { agentProduct, coordinatorProduct } from './windows/msi/product.ts'

const usage = `Usage: pnpm installer [options]

Builds the packages into installer/dist/out.

Options:
  --sign-cert <file>      sign with this certificate: a .pfx with its key, or a .pem with its chain
  --sign-key <file>       the key of a .pem
  --sign-password <file>  holds the password of the key
  --sign-time <url>       service that stamps the time (RFC 3161)
  --sign-ca <file>        what the certificate leads to, when this machine does not trust it
  --help                  this text
`

const { values } = parseArgs({
  args: process.argv.slice(2).filter(word => word !== '--'),
  options: {
    'sign-cert': { type: 'string' },
    'sign-key': { type: 'string' },
    'sign-password': { type: 'string' },
    'sign-time': { type: 'string' },
    'sign-ca': { type: 'string' },
    help: { type: 'boolean' }
  }
})

function signerGiven(): Signer | null {
  const certificate = values['sign-cert']
  if (certificate === undefined) return null
  return {
    certificate,
    key: values['sign-key'] ?? null,
    passwordFile: values['sign-password'] ?? null,
    timeServer: values['sign-time'] ?? null,
    authorities: values['sign-ca'] ?? null
  }
}

async function buildAll(): Promise<void> {
  const out = join(house, 'installer/dist/out')
  const signer = signerGiven()
  await rm(out, { recursive: true, force: true })
  for (const product of [agentProduct, coordinatorProduct]) {
    const began = performance.now()
    const file = await buildMsi(product, { out, signer })
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    const { size } = await stat(file)
    const signed = signer === null ? 'NOT SIGNED' : 'signed'
    console.log(`${basename(file)}  ${(size / 1e6).toFixed(1)} MB  ${seconds} s  ${signed}`)
  }
  console.log(`They are in ${out}, each with its SBOM (.cdx.json) and its checksum (.sha256).`)
  if (signer === null)
    console.log(
      'Nothing is signed: Windows warns of it. Give a certificate with --sign-cert (docs/DEPLOY.md).'
    )
}

if (values.help === true) process.stdout.write(usage)
else
  try {
    await buildAll()
  } catch (error) {
    if (!(error instanceof StarlingError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
