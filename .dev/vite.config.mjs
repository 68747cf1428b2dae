// How a page becomes files: everything from the house itself, nothing inline (the content security policy forbids it).

import { pathToFileURL } from 'node:url'
import { defineConfig } from 'vite'

/**
 * A page needs of an operation (shared/src/admin-api) its method and path; what it may say and what is answered the server
 * checks, and the compiler has checked the page. So the page gets those two, and zod, which is larger than all the rest,
 * stays out of it.
 */
const operationsWithoutShapes = {
  name: 'operations-without-shapes',
  enforce: 'pre',
  async load(id) {
    if (!/[\\/]shared[\\/]src[\\/]admin-api[\\/](?!operation|roles)[\w-]+\.ts$/.test(id)) return null
    const module = await import(pathToFileURL(id).href)
    const lines = Object.entries(module)
      .filter(([, value]) => typeof value?.path === 'string' && typeof value.method === 'string')
      .map(([name, { method, path }]) => `export const ${name} = bare(${JSON.stringify({ method, path })})`)
    const bare = 'const bare = it => ({ ...it, answer: { safeParse: data => ({ success: true, data }) } })'
    return { code: [bare, ...lines].join('\n'), map: null }
  }
}

export default defineConfig({
  base: './',
  publicDir: false,
  plugins: [operationsWithoutShapes],
  build: {
    target: 'es2024',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } }
})
