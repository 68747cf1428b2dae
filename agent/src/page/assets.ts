/**
 * The page's own files. They are few and fixed, so each has its route and is read by its own name: no part of a request ever
 * becomes a path.
 */
import { readFile } from 'node:fs/promises'

export interface Asset {
  readonly type: string
  readonly body: Buffer
}

const files = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/view.js', 'view.js', 'text/javascript; charset=utf-8'],
  ['/dom.js', 'dom.js', 'text/javascript; charset=utf-8'],
  ['/format.js', 'format.js', 'text/javascript; charset=utf-8'],
  ['/starling.svg', 'starling.svg', 'image/svg+xml']
] as const

export const assetPaths: readonly string[] = files.map(([path]) => path)

export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const loaded = files.map(async ([path, name, type]): Promise<[string, Asset]> => {
    return [path, { type, body: await readFile(new URL(`./web/${name}`, import.meta.url)) }]
  })
  return new Map(await Promise.all(loaded))
}
