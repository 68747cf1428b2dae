/** `starling ca`: the CA of TLS interception, made, shown, and given out to be deployed. Its key is never given out. */
import { X509Certificate } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { CaPort, CaView, TunnelledRequest } from '../ports.ts'
import { findAgent, requireAgent } from './api.ts'
import { storedConfig } from './cache-access.ts'
import { safeText } from './format.ts'
import type { CommandTools } from './services.ts'

interface Options {
  readonly dataFolder: string
  readonly json: boolean
}

export async function caInit(
  options: Options & { readonly now: boolean },
  tools: CommandTools
): Promise<void> {
  const { ca } = await openCa(options, tools)
  await mkdir(options.dataFolder, { recursive: true, mode: 0o700 })
  const made = await ca.init(options.now)
  const { terminal } = tools
  terminal.print(options.json ? JSON.stringify(made) : viewText(made, Date.now()))
  terminal.note(
    'Now deploy it: `starling ca export FILE.cer`, then Group Policy (docs/DEPLOY.md, "TLS interception"), and only then set ' +
      'intercept.enabled. A running agent takes it up within ten minutes. Whoever has the key in this data folder can pose as ' +
      'these hosts before every machine that trusts it.'
  )
}

/** As DER the youngest, which is the one to deploy; as PEM all that have not expired. */
export async function caExport(
  options: Options & { readonly file: string | null },
  tools: CommandTools
): Promise<void> {
  const { authorities } = await (await openCa(options, tools)).ca.list()
  const [youngest] = authorities
  if (youngest === undefined)
    throw new StarlingError('no-ca', 'there is no CA that has not expired: `starling ca init` makes one')
  const { terminal } = tools
  const pem = authorities.map(({ certificatePem }) => certificatePem.trim()).join('\n')
  if (options.file === null || options.file === '-') return terminal.print(pem)
  const file = resolve(options.file)
  const isDer = /\.(cer|crt|der)$/i.test(file)
  await refuseOther(file)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, isDer ? new X509Certificate(youngest.certificatePem).raw : `${pem}\n`)
  terminal.print(options.json ? JSON.stringify({ file, sha256: youngest.sha256 }) : file)
  if (isDer && authorities.length > 1)
    terminal.note('Beside it the one before still counts; leave that deployed until it has expired.')
}

/** What is there and is no certificate may be a key, and the CA's own key lies one slip of the keyboard away. */
async function refuseOther(file: string): Promise<void> {
  const there = await readFile(file).catch(() => null)
  if (there === null) return
  try {
    new X509Certificate(there)
  } catch (cause) {
    throw new StarlingError(
      'file-there',
      `${file} is there and is no certificate: choose another name, or remove it`,
      { cause }
    )
  }
}

export async function caShow(options: Options, tools: CommandTools): Promise<void> {
  const { ca, hosts } = await openCa(options, tools)
  const { authorities, fits } = await ca.list()
  const { terminal } = tools
  if (options.json) {
    const views = authorities.map(({ certificatePem: _, ...view }) => view)
    return terminal.print(JSON.stringify({ hosts, fits, authorities: views }))
  }
  if (authorities.length === 0)
    return terminal.print('There is no CA that has not expired. `starling ca init` makes one.')
  terminal.print(authorities.map(view => viewText(view, Date.now())).join('\n\n'))
  terminal.print(
    fits
      ? '\nIt fits intercept.hosts.'
      : `\nIt does NOT fit intercept.hosts (${hosts.map(safeText).join(', ') || 'none'}): only what both name is intercepted. \`starling ca init\` makes a new one, which is to be deployed.`
  )
}

/** Once the CA is deployed to a machine: else it would be tunnelled for the rest of the day. @throws StarlingError `no-agent` */
export async function caRetry(
  { dataFolder, json, ...which }: Options & TunnelledRequest,
  { terminal }: CommandTools
): Promise<void> {
  const api = await requireAgent(dataFolder)
  const result = (await api.post('/api/v1/intercept/retry', which)) as { readonly forgotten: number }
  if (json) return terminal.print(JSON.stringify(result))
  const { forgotten } = result
  terminal.print(
    forgotten === 0
      ? 'Nobody is tunnelled that this is about; `starling status` lists those who are.'
      : `${forgotten} forgotten: their next connections are intercepted again.`
  )
}

async function openCa(
  { dataFolder }: Options,
  tools: CommandTools
): Promise<{ readonly ca: CaPort; readonly hosts: readonly string[] }> {
  // A running agent may have been given more on its command line than the file tells.
  const status = await (await findAgent(dataFolder))?.status()
  const hosts = status?.intercept?.hosts ?? (await storedConfig(dataFolder, tools)).intercept.hosts
  return { ca: await tools.services.openCa(dataFolder, hosts), hosts }
}

function viewText({ subject, sha256, thumbprint, names, signsFrom, expiresAt }: CaView, now: Millis): string {
  const time = (at: Millis): string => new Date(at).toISOString().replace(/:\d\d\.\d+Z$/, 'Z')
  const facts = [
    ['subject', safeText(subject)],
    ['SHA-256', sha256],
    ['thumbprint', thumbprint],
    ['names', `${names.map(safeText).join(', ')}, with all below them`],
    ['signs', signsFrom <= now ? 'now' : `from ${time(signsFrom)} on; to be deployed before that`],
    ['expires', time(expiresAt)]
  ]
  return facts.map(([name, value]) => `${name!.padEnd(12)} ${value}`).join('\n')
}
