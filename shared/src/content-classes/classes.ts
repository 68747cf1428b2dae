/**
 * The content classes that Starling knows by itself. Order matters: the first that matches decides, and what must
 * never be kept comes before all others, those of policy too.
 *
 * Sources of hosts and path forms: Microsoft's Delivery Optimization endpoint list, [MS-WUSP] 2.1 and 2.2.2.5, the
 * cache-domains project's lists, and recorded traffic (the vectors of recognise.test.ts).
 */
import { MiB, type Bytes } from '../units.ts'
import type { ContentClass } from './content-class.ts'

/** Below one chunk, asking peers costs more time than the origin's answer. */
export const minBytesDefault: Bytes = MiB

const windowsUpdateHosts = ['*.windowsupdate.com', '*.update.microsoft.com']
const deliveryHosts = ['*.delivery.mp.microsoft.com']

/** Hex in an extensible name like v6-win7sp1-wuredir.cab is not a digest: these change under one URL. */
export const neverClasses: readonly ContentClass[] = [
  {
    id: 'certificate-lists',
    hosts: ['*'],
    paths: [
      '**/authrootstl.cab',
      '**/authroot.stl',
      '**/pinrulesstl.cab',
      '**/disallowedcertstl.cab',
      '**/disallowedcert.stl'
    ],
    key: 'address',
    rangeFirst: false,
    neverShared: 'a list of trusted certificates must be fresh'
  },
  {
    id: 'update-redirects',
    hosts: windowsUpdateHosts,
    paths: ['**/pr/wsus/**', '/v*/**.cab', '**/wuident.cab', '**/wsus3setup.cab'],
    key: 'address',
    rangeFirst: false,
    neverShared: 'it changes without changing its name'
  },
  {
    id: 'app-installer',
    hosts: ['*'],
    paths: ['**.appinstaller'],
    key: 'address',
    rangeFirst: false,
    neverShared: 'it changes without changing its name'
  },
  {
    id: 'delivery-optimization-cloud',
    hosts: ['*.do.dsp.mp.microsoft.com'],
    paths: ['**'],
    key: 'address',
    rangeFirst: false,
    neverShared: 'it is a service, not content'
  }
]

export const knownClasses: readonly ContentClass[] = [
  {
    // .../msdownload/update/software/updt/2020/01/windows10.0-kb4497165-v4-x64_<sha1>.cab
    id: 'windows-update',
    hosts: [...windowsUpdateHosts, ...deliveryHosts],
    paths: ['/msdownload/**_{sha1}.{ext}', '/*/msdownload/**_{sha1}.{ext}'],
    key: 'digest',
    immutable: true,
    rangeFirst: true,
    shareWithCookies: true
  },
  {
    // The query is a signature that differs for each request; the GUID names the file.
    id: 'delivery-optimization',
    hosts: deliveryHosts,
    paths: ['/filestreamingservice/files/{guid}', '/filestreamingservice/files/{guid}/**'],
    key: 'address',
    keyHost: 'dl.delivery.mp.microsoft.com',
    volatileQuery: ['P1', 'P2', 'P3', 'P4'],
    immutable: true,
    rangeFirst: true
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
  },
  {
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
]

export const genericClass: ContentClass = {
  id: 'generic',
  hosts: ['*'],
  paths: ['**'],
  key: 'address',
  rangeFirst: false
}
