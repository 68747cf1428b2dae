/**
 * The folder that becomes `C:\Program Files\Starling`, and beside it the folders that go elsewhere, laid out as they will be on a
 * machine. What another part of the project makes for Windows is added here and nowhere else.
 */
import { copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bundleProgram } from '../bundle.ts'
import { house } from '../house.ts'
import { writeLicences } from '../licences.ts'
import { windowsNode } from '../node-win.ts'
import { thirdParties, type Part } from '../third-party.ts'
import { policyDefinitions } from './admx/definitions.ts'
import { serviceIni } from './host-ini.ts'
import { buildHost, hostFile } from './host.ts'
import type { Layout } from './msi/layout.ts'
import type { Product } from './msi/product.ts'
import { withModuleVersion } from './powershell/manifest.ts'

export interface Contents extends Layout {
  readonly parts: readonly Part[]
}

/** @param folder is made anew @param signProgram signs what we compiled; Node keeps the signature that it has */
export async function layOut(
  product: Product,
  version: string,
  folder: string,
  signProgram: (file: string) => Promise<void>
): Promise<Contents> {
  await rm(folder, { recursive: true, force: true })
  const programFolder = join(folder, 'program')
  const modulesFolder = join(folder, 'modules')
  await mkdir(programFolder, { recursive: true })

  const { packages } = await bundleProgram(product.program, 'win32-x64', join(programFolder, 'app'))
  await copyFile(await windowsNode(), join(programFolder, 'node.exe'))
  await buildHost(programFolder)
  await writeFile(join(programFolder, 'starling-service.ini'), serviceIni(product.program))
  await signProgram(join(programFolder, hostFile))
  // Machines that let only signed code run look at each library, too.
  await signProgram(join(programFolder, 'app', 'classic-level.node'))
  await writeFile(join(programFolder, `${product.command}.cmd`), `@"%~dp0${hostFile}" cli %*\r\n`)
  const parts = await thirdParties(product.program, 'win32-x64', packages)
  await writeLicences(join(programFolder, 'licences'), parts)

  const hasModules = product.program === 'agent' && (await addExtras(version, programFolder, modulesFolder))
  return { programFolder, modulesFolder: hasModules ? modulesFolder : null, parts }
}

/** Policy definitions for copying, and the PowerShell module. */
async function addExtras(version: string, programFolder: string, modulesFolder: string): Promise<boolean> {
  const definitions = join(programFolder, 'PolicyDefinitions')
  for (const [path, text] of policyDefinitions()) {
    await mkdir(dirname(join(definitions, path)), { recursive: true })
    await writeFile(join(definitions, path), text)
  }
  const module = join(house, 'installer/windows/Starling')
  if (!existsSync(module)) return false
  const folder = join(modulesFolder, 'Starling', version)
  await cp(module, folder, { recursive: true })
  const manifest = join(folder, 'Starling.psd1')
  await writeFile(manifest, withModuleVersion(await readFile(manifest, 'utf8'), version))
  return true
}
