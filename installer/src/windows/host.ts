/** The service host beside the program, with what it is to run. */
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { environmentKey } from './msi/settings.ts'
import type { Product } from './msi/product.ts'

/** @param folder where it is put */
export async function writeHost(product: Product, version: string, folder: string): Promise<void> {
  await writeFile(join(folder, 'starling-service.ini'), environmentKey(product) + version)
  await copyFile('/tmp/msi-try/prog/starling-service.exe', join(folder, 'starling-service.exe'))
}
