/**
 * The few things that are done to files. None follows a link, none is readable for others, and a file that replaces
 * another is whole and synced before it takes the name.
 */
import { constants } from 'node:fs'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { checkFile } from './layout.ts'

/** Not on Windows, where `checkFile` alone has to see a link. */
const noFollow = constants.O_NOFOLLOW ?? 0

/** For reading and writing; the file must exist. */
export async function openFile(path: string, flags = 0): Promise<FileHandle> {
  await checkFile(path)
  return await open(path, constants.O_RDWR | noFollow | flags, 0o600)
}

/** Makes the file if need be, gives it this length, and keeps what is there up to it. */
export async function setLength(path: string, length: number): Promise<void> {
  const handle = await openFile(path, constants.O_CREAT)
  try {
    await handle.truncate(length)
  } finally {
    await handle.close()
  }
}

/** Close the file before: Windows does not rename over what is open. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.new`
  try {
    await setLength(fresh, 0)
    const handle = await openFile(fresh)
    try {
      await writeAll(handle, bytes, 0)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(fresh, path)
  } catch (error) {
    await removeFile(fresh)
    throw error
  }
}

/** Retries are for Windows, where a virus scanner may hold a file for a moment. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true, maxRetries: 5, retryDelay: 100 })
}

/** A write may be taken in parts; a full disk shows as a short part followed by ENOSPC. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** @returns fewer bytes than asked only at the end of the file. */
export async function readAll(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}
