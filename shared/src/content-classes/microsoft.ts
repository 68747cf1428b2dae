/**
 * What Windows and its programs download. The first that matches decides, so the small and special come first.
 *
 * Sources of hosts and path forms: Microsoft's list of Delivery Optimization endpoints, [MS-WUSP] 2.1 and 2.2.2.5, the
 * cache-domains project's lists, and recorded traffic (the vectors of vectors.test.ts).
 */
import { KiB } from '../units.ts'
import type { ContentClass } from './content-class.ts'

export const windowsUpdateHosts = ['*.windowsupdate.com', '*.update.microsoft.com', '*.emdl.ws.microsoft.com']
const deliveryHosts = ['*.delivery.mp.microsoft.com']
const edgeHosts = ['b.tlu', 'f.tlu', 'sf.tlu', 'b', 'f', 'sf'].map(
  edge => `msedge.${edge}.dl.delivery.mp.microsoft.com`
)
export const officeHosts = [
  '*.officecdn.microsoft.com',
  'officecdn.microsoft.com.edgesuite.net',
  '*.cdn.office.net'
]
const intuneHosts = ['*.manage.microsoft.com']

/** The query is a signature that differs for each request; the GUID names the file, on whichever of these hosts. */
const deliveryFiles = {
  key: 'address',
  keyHost: 'dl.delivery.mp.microsoft.com',
  volatileQuery: ['P1', 'P2', 'P3', 'P4'],
  immutable: true,
  rangeFirst: true,
  cacheHost: true
} as const
const deliveryPaths = ['/filestreamingservice/files/{guid}', '/filestreamingservice/files/{guid}/**']

export const microsoftClasses: readonly ContentClass[] = [
  {
    // Delivery Optimization's digests of the pieces of a file. Without them it takes nothing from peers; they are small,
    // so that the first request is not worth a range.
    id: 'piece-hashes',
    hosts: [...windowsUpdateHosts, ...deliveryHosts, ...intuneHosts],
    paths: ['/filestreamingservice/files/{guid}/pieceshash', '/phf/**', '**.phf'],
    key: 'address',
    volatileQuery: deliveryFiles.volatileQuery,
    immutable: true,
    rangeFirst: false,
    cacheHost: true
  },
  {
    // .../msdownload/update/software/updt/2020/01/windows10.0-kb4497165-v4-x64_<sha1>.cab, Defender's am_delta_<sha1>.exe
    id: 'windows-update',
    hosts: [...windowsUpdateHosts, ...deliveryHosts],
    paths: ['/msdownload/**_{sha1}.{ext}', '/*/msdownload/**_{sha1}.{ext}'],
    key: 'digest',
    immutable: true,
    rangeFirst: true,
    shareWithCookies: true,
    cacheHost: true
  },
  {
    // Microsoft's own way to see whether a cache works: a picture of 969,710 bytes, so less than one chunk.
    id: 'self-test',
    hosts: ['*.windowsupdate.com'],
    paths: ['/mscomtest/**'],
    key: 'address',
    minBytes: 64 * KiB,
    rangeFirst: false,
    cacheHost: true
  },
  { ...deliveryFiles, id: 'edge', hosts: edgeHosts, paths: deliveryPaths },
  {
    ...deliveryFiles,
    id: 'store',
    hosts: deliveryHosts,
    paths: ['/filestreamingservice/files/{guid}/**'],
    extensions: ['appx', 'appxbundle', 'eappx', 'eappxbundle', 'emsix', 'emsixbundle', 'msix', 'msixbundle']
  },
  { ...deliveryFiles, id: 'delivery-optimization', hosts: deliveryHosts, paths: deliveryPaths },
  {
    // /pr/<channel>/Office/Data/<version>/stream.x64.x-none.dat: what lies in a version's folder stays as it is.
    id: 'office-cdn',
    hosts: officeHosts,
    paths: ['/*/{guid}/office/data/*.*.*.*/**'],
    key: 'address',
    keyHost: 'officecdn.microsoft.com',
    immutable: true,
    rangeFirst: true,
    cacheHost: true
  },
  {
    // Encrypted for one tenant and uploaded once: a new version of an app has a new GUID.
    id: 'intune',
    hosts: intuneHosts,
    paths: ['/*/*/{guid}.intunewin.bin'],
    key: 'address',
    keyHost: 'manage.microsoft.com',
    immutable: true,
    rangeFirst: true,
    cacheHost: true
  },
  {
    // The older way of antimalware updates: packages beside a manifest that changes, so HTTP's own rules say for how long.
    id: 'defender',
    hosts: ['', '2', '3', '4', '5'].map(number => `amupdatedl${number}.microsoft.com`),
    paths: ['**'],
    key: 'address',
    rangeFirst: true,
    cacheHost: true
  },
  {
    id: 'xbox',
    hosts: [
      ...['assets1', 'assets2', 'd1', 'd2', 'dlassets', 'dlassets2', 'xvcb1', 'xvcb2', 'xvcf1', 'xvcf2'].map(
        name => `*.${name}.xboxlive.com`
      ),
      '*.assets.xbox.com'
    ],
    paths: ['**'],
    key: 'address',
    rangeFirst: true,
    cacheHost: true
  },
  {
    // Any host can be a WSUS, so the host stays in the key: another host's promise is not this one's.
    id: 'wsus-content',
    hosts: ['*'],
    paths: ['/Content/{tail}/{sha1}.{ext}'],
    key: 'address',
    volatileQuery: ['*'],
    immutable: true,
    rangeFirst: true,
    shareWithCookies: true
  }
]
