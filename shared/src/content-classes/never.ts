/**
 * What must never be kept, whoever says otherwise: it changes without changing its name, and a client that gets an old one
 * trusts the wrong certificate or misses an update. These come before all other classes, those of policy too.
 */
import type { ContentClass } from './content-class.ts'
import { officeHosts, windowsUpdateHosts } from './microsoft.ts'

const rules = { key: 'address', rangeFirst: false } as const
const changes = 'it changes without changing its name'

export const neverClasses: readonly ContentClass[] = [
  {
    ...rules,
    id: 'certificate-lists',
    hosts: ['*'],
    paths: [
      '**/authrootstl.cab',
      '**/authroot.stl',
      '**/pinrulesstl.cab',
      '**/pinrules.stl',
      '**/disallowedcertstl.cab',
      '**/disallowedcert.stl'
    ],
    neverShared: 'a list of trusted certificates must be fresh'
  },
  {
    // Hex in a name like v6-win7sp1-wuredir.cab is not a digest.
    ...rules,
    id: 'update-redirects',
    hosts: windowsUpdateHosts,
    paths: ['**/pr/wsus/**', '/v*/**.cab'],
    neverShared: changes
  },
  {
    // [MS-WUSP] 2.1: what old clients update themselves from. Any host can be a WSUS.
    ...rules,
    id: 'update-client',
    hosts: ['*'],
    paths: ['/selfupdate/**', '**/wuident.cab', '**/wsus3setup.cab'],
    neverShared: changes
  },
  {
    // Which version is the newest; the versions themselves are office-cdn.
    ...rules,
    id: 'office-versions',
    hosts: officeHosts,
    paths: ['/pr/wsus/**', '**/v32.cab', '**/v64.cab'],
    neverShared: changes
  },
  {
    ...rules,
    id: 'app-installer',
    hosts: ['*'],
    paths: ['**.appinstaller'],
    neverShared: changes
  },
  {
    ...rules,
    id: 'delivery-optimization-cloud',
    hosts: ['*.do.dsp.mp.microsoft.com'],
    paths: ['**'],
    neverShared: 'it is a service, not content'
  }
]
