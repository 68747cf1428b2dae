import { expect, it } from 'vitest'
import { contentFolderOf } from './cache-place.ts'

const env = { SystemDrive: 'C:', ProgramData: 'C:\\ProgramData' }
const on = (place: string) => contentFolderOf(place, env, 'win32')

it('a drive has a folder of ours, a path is what it is, a variable stands for either', () => {
  expect(on('d:')).toBe('D:\\Starling')
  expect(on('E')).toBe('E:\\Starling')
  expect(on('F:\\')).toBe('F:\\Starling')
  expect(on('g:/')).toBe('G:\\Starling')
  expect(on('G:\\a\\..')).toBe('G:\\Starling')
  expect(on('G:/a//b/../c')).toBe('G:\\a\\c')
  expect(on('%systemdrive%')).toBe('C:\\Starling')
  expect(on('%ProgramData%\\cache')).toBe('C:\\ProgramData\\cache')
  expect(contentFolderOf('/var/cache/starling', {}, 'linux')).toBe('/var/cache/starling')
})

it.each(['%NoSuchThing%\\x', '\\\\server\\share', 'cache', 'C:cache'])('%s is no place', place => {
  expect(() => on(place)).toThrow(/DOModifyCacheDrive/)
  expect(() => contentFolderOf(place, {}, 'linux')).toThrow(/DOModifyCacheDrive/)
})
