/** `pnpm installer`: what is handed out, in installer/dist/out, with an SBOM and a checksum beside each package. */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { StarlingError } from '@starling/shared/errors.ts'
import { describeBeside } from './beside.ts'
import { readPackage } from './bundle.ts'
import { house } from './house.ts'
import { buildDebs } from './linux/debs.ts'
import type { Signer } from './sign.ts'
import { thirdParties } from './third-party.ts'
import { buildMsi } from './windows/build.ts'
import { agentProduct, coordinatorProduct } from './windows/msi/product.ts'
import { readProperty } from './windows/msi/read-msi.ts'
import { wingetManifests } from './windows/winget.ts'

const usage = `Usage: pnpm installer [options]

Builds the packages into installer/dist/out.

Options:
  --sign-cert <file>      sign with this certificate: a .pfx with its key, or a .pem with its chain
  --sign-key <file>       the key of a .pem
  --sign-password <file>  holds the password of the key
  --sign-time <url>       service that stamps the time (RFC 3161)
  --sign-ca <file>        what the certificate leads to, when this machine does not trust it
  --msi-url <url>         where the agent's MSI will be downloaded from: makes winget's manifests, too
  --homepage <url>        what winget tells of this project's home; by default the server of --msi-url
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
    'msi-url': { type: 'string' },
    homepage: { type: 'string' },
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

/** @param make what makes the file */
async function timed(state: string, make: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const began = performance.now()
  const files = await make()
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  for (const file of files)
    console.log(`${basename(file)}  ${((await stat(file)).size / 1e6).toFixed(1)} MB  ${seconds} s  ${state}`)
  return files
}

async function buildAll(): Promise<void> {
  const out = join(house, 'installer/dist/out')
  const signer = signerGiven()
  const state = signer === null ? 'NOT SIGNED' : 'signed'
  await rm(out, { recursive: true, force: true })
  for (const product of [agentProduct, coordinatorProduct]) {
    const [msi] = await timed(state, async () => [await buildMsi(product, { out, signer })])
    console.log(`  product code ${await readProperty(msi!, 'ProductCode')}`)
    if (product === agentProduct && values['msi-url'] !== undefined)
      await writeWinget(out, msi!, values['msi-url'])
  }
  // Who installs them trusts the repository that they come from, which signs its list.
  await timed('signed by the repository that serves it', async () => {
    const { version } = await readPackage(house)
    const debs = await buildDebs(out, { thirdParties })
    for (const { name, file, thirdParties: parts } of debs) await describeBeside(file, name, version, parts)
    return debs.map(({ file }) => file)
  })
  console.log(`They are in ${out}, each with its SBOM (.cdx.json) and its checksum (.sha256).`)
  if (signer === null)
    console.log(
      'The MSIs are not signed: Windows warns of that. Give a certificate with --sign-cert (docs/DEPLOY.md).'
    )
}

async function writeWinget(out: string, msi: string, url: string): Promise<void> {
  const folder = join(out, 'winget')
  await mkdir(folder)
  const of = async (name: string): Promise<string> => (await readProperty(msi, name)) ?? ''
  const manifests = wingetManifests({
    version: await of('ProductVersion'),
    productCode: await of('ProductCode'),
    upgradeCode: await of('UpgradeCode'),
    sha256: (await readFile(`${msi}.sha256`, 'utf8')).slice(0, 64),
    url,
    homepage: values.homepage ?? new URL('/', url).href,
    releaseDate: new Date()
  })
  for (const [name, text] of manifests) await writeFile(join(folder, name), text)
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
