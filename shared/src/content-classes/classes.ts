/**
 * The content classes that Starling knows by itself. Order matters: the first that matches decides. What must never be
 * kept comes first, then those of policy, then these.
 */
import { MiB, type Bytes } from '../units.ts'
import type { ContentClass } from './content-class.ts'
import { microsoftClasses } from './microsoft.ts'
import { neverClasses } from './never.ts'
import { packageClasses } from './packages.ts'

/** Below one chunk, asking peers costs more time than the origin's answer. */
export const minBytesDefault: Bytes = MiB

/** A name that is surely a file's, of which nothing else is known. */
const downloadClass: ContentClass = {
  id: 'generic-download',
  hosts: ['*'],
  paths: ['**'],
  // oxfmt-ignore
  extensions: [
    '7z', 'apk', 'appx', 'appxbundle', 'bin', 'bz2', 'cab', 'dat', 'deb', 'dmg', 'esd', 'exe', 'gguf', 'gz', 'img',
    'intunewin', 'iso', 'jar', 'mp4', 'msi', 'msix', 'msixbundle', 'msp', 'msu', 'nupkg', 'ova', 'pkg', 'psf', 'qcow2',
    'rar', 'rpm', 'safetensors', 'snap', 'tar', 'tgz', 'vhd', 'vhdx', 'vmdk', 'vsix', 'whl', 'wim', 'xz', 'zip', 'zst'
  ],
  key: 'address',
  rangeFirst: true
}

const knownClasses: readonly ContentClass[] = [...microsoftClasses, ...packageClasses, downloadClass]

/** Everything else: HTTP's own rules, and the first request is the client's own. */
export const genericClass: ContentClass = {
  id: 'generic',
  hosts: ['*'],
  paths: ['**'],
  key: 'address',
  rangeFirst: false
}

/** Those of one agent in the order in which they are asked; where none matches it is the generic one. */
export function classesWith(extra: readonly ContentClass[]): readonly ContentClass[] {
  return [...neverClasses, ...extra, ...knownClasses]
}
