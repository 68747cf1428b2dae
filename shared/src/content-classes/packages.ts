/**
 * What package managers download. Any host can be a mirror or a company's own registry, so the host stays in the key. Most
 * of these files are small: the first request is a plain one, because a range of a file that turns out too small to be
 * shared would have to be asked for again.
 */
import type { ContentClass } from './content-class.ts'

export const packageClasses: readonly ContentClass[] = [
  {
    // The GOPROXY protocol (go.dev/ref/mod). A name without a full version (master.info, @latest, list) may change.
    id: 'go',
    hosts: ['*'],
    paths: ['**/@v/{version}.zip', '**/@v/{version}.mod', '**/@v/{version}.info'],
    key: 'address',
    immutable: true,
    rangeFirst: false
  },
  {
    // Debian's pool is by component, letter and source; a package's name there holds its version. Indices by their
    // plain name (Release, Packages) change, those by hash do not.
    id: 'apt',
    hosts: ['*'],
    paths: ['**/pool/*/*/*/*.deb', '**/pool/*/*/*/*.udeb', '**/dists/**/by-hash/sha256/{sha256}'],
    key: 'address',
    immutable: true,
    rangeFirst: false
  },
  {
    // <registry>/<name>/-/<name>-<version>.tgz: npm refuses to publish a version twice.
    id: 'npm',
    hosts: ['*'],
    paths: ['**/-/*-*.*.*.tgz'],
    key: 'address',
    immutable: true,
    rangeFirst: false
  }
]
