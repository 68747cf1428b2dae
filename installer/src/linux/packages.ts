/** The two packages for Debian and Ubuntu, and what is different about them. Everything else is one template for both. */
import type { Program } from '../bundle.ts'

/** As Debian says it. */
export type Architecture = 'amd64' | 'arm64'

export interface LinuxPackage {
  /** Package, service, system user, command and folders are all called by it. */
  readonly name: string
  readonly program: Program
  /** One line, for `systemctl status`, the user and the list of packages. */
  readonly title: string
  readonly description: readonly string[]
  /** The environment variable for its data folder. */
  readonly dataVariable: string
  /** What of the environment goes onto the command line of its service. */
  readonly options: string
  readonly reloads: boolean
}

export const linuxPackages: readonly LinuxPackage[] = [
  {
    name: 'starling',
    program: 'agent',
    title: 'Starling agent',
    description: [
      'Starling delivers a file over the WAN once and shares it among the machines',
      'of a LAN, every byte verified. This is the agent: for an endpoint, or for the',
      'gateway of a site, which serves machines without one as proxy and cache host.'
    ],
    dataVariable: 'STARLING_DATA',
    options: '',
    reloads: true
  },
  {
    name: 'starling-coordinator',
    program: 'coordinator',
    title: 'Starling coordinator',
    description: [
      'Starling delivers a file over the WAN once and shares it among the machines',
      'of a LAN, every byte verified. This is the coordinator: it decides who belongs',
      'to a fleet, tells agents of each other, and runs a gateway for its site.'
    ],
    dataVariable: 'STARLING_COORDINATOR_DATA',
    options: '$STARLING_COORDINATOR_OPTIONS',
    reloads: false
  }
]
