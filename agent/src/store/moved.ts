/**
 * When the content is told to lie elsewhere, what lies in the old place is of no use to anybody: it is a cache, so it is removed and
 * not carried over. Only what has our names is touched, in a place that we have written down ourselves.
 */
import { readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '@starling/shared/errors.ts'
import { checkFolder, parseName } from './layout.ts'

/** @param content the `content` folder of an earlier life; what is not there or not ours stays as it is */
export async function removeContent(content: string): Promise<void> {
  try {
    await checkFolder(content)
    for (const shard of await readdir(content)) {
      if (!/^[0-9a-f]{2}$/.test(shard)) continue
      const folder = join(content, shard)
      await checkFolder(folder)
      for (const name of await readdir(folder))
        if (parseName(shard, name) !== null) await rm(join(folder, name), { force: true })
      await rmdir(folder)
    }
    await rmdir(content)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(codeOf(error))) throw error
  }
}
