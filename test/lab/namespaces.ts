/**
 * LANs made of Linux network namespaces, for tests that need more than loopback: a bridge for each LAN, all in one
 * namespace of their own, and a namespace with a veth for each host. Nothing outside is touched: the addresses
 * (10.77.<lan>.<host>/24) exist only in there, and there is no way out.
 *
 * A namespace is named after the process that made it, so that what a killed test left behind is found and
 * removed by the next one.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'

const prefix = 'starling-lan'

/** @returns why namespaces cannot be had here, with what to do about it; null when they can. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only'
  if (process.getuid?.() !== 0) return 'network namespaces need root: run the test with sudo'
  const probe = `${prefix}-${process.pid}-probe`
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' })
  if (made.error !== undefined) return 'there is no `ip`: apt-get install iproute2'
  if (made.status !== 0) return `the kernel or container refuses network namespaces: ${made.stderr.trim()}`
  ip('netns', 'delete', probe)
  return null
}

export interface LanHost {
  readonly name: string
  readonly namespace: string
  /** Its address on each LAN it is on, by the LAN's name. */
  readonly addresses: ReadonlyMap<string, string>
  /**
   * Starts a program on this host, with a pipe for stdin and stdout. It ends with the lab at the latest. Its pid is the
   * child's: `ip netns exec` becomes the program.
   */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
  /** The other end of its cable: the port of the LAN's bridge, in the lab's hub. */
  readonly port: (lan: string) => string
  /** Pulls the cable, or puts it back. */
  plug(lan: string, isIn: boolean): void
}

export interface SpawnOptions {
  /** Instead of the environment of this process. */
  readonly env?: NodeJS.ProcessEnv
  /** A file descriptor to write stderr to, instead of this process's own. */
  readonly stderr?: number
}

export interface Lab {
  /** The namespace of all bridges. */
  readonly hub: string
  host(name: string): LanHost
  /** Ends the programs and removes everything. */
  close(): Promise<void>
}

/**
 * @param hosts each host's name and the LANs it is on: `{ desk: ['office'], both: ['office', 'shop'] }`. Names of up
 * to 10 letters.
 */
export function createLab(hosts: Readonly<Record<string, readonly string[]>>): Lab {
  sweep()
  const lans = [...new Set(Object.values(hosts).flat())]
  const namespaceOf = (name: string): string => `${prefix}-${process.pid}-${name}`
  const portName = (lan: string, index: number): string => `${lan.slice(0, 4)}${lans.indexOf(lan)}-${index}`
  const hub = namespaceOf('hub')
  const namespaces: string[] = []
  const children = new Set<ChildProcess>()
  const made = new Map<string, LanHost>()

  const removeAll = (): void => {
    process.off('exit', removeAll)
    for (const child of children) child.kill('SIGKILL')
    for (const namespace of namespaces.splice(0)) spawnSync('ip', ['netns', 'delete', namespace])
  }
  process.on('exit', removeAll)

  function addNamespace(namespace: string): void {
    ip('netns', 'add', namespace)
    namespaces.push(namespace)
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
  }

  try {
    addNamespace(hub)
    // A bridge that learns for 15 s or drops unasked multicast would make tests of discovery wait or fail.
    for (const lan of lans) {
      ip(
        '-n',
        hub,
        'link',
        'add',
        lan,
        'type',
        'bridge',
        'stp_state',
        '0',
        'forward_delay',
        '0',
        'mcast_snooping',
        '0'
      )
      ip('-n', hub, 'link', 'set', lan, 'up')
    }
    for (const [index, [name, on]] of Object.entries(hosts).entries()) {
      const namespace = namespaceOf(name)
      addNamespace(namespace)
      const addresses = new Map<string, string>()
      for (const lan of on) {
        const port = portName(lan, index)
        const address = `10.77.${lans.indexOf(lan)}.${index + 1}`
        ip('-n', hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', lan, 'netns', namespace)
        ip('-n', hub, 'link', 'set', port, 'master', lan, 'up')
        ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', lan)
        ip('-n', namespace, 'link', 'set', lan, 'up')
        addresses.set(lan, address)
      }
      // As on a real desk, everything not on the link goes to the first LAN, and so does multicast of programs that
      // do not choose an interface. Nobody there passes it on.
      if (on[0] !== undefined) ip('-n', namespace, 'route', 'add', 'default', 'dev', on[0])
      made.set(name, {
        name,
        namespace,
        addresses,
        port: lan => portName(lan, index),
        spawn(command, args, { env = process.env, stderr = 2 } = {}) {
          const child = spawn('ip', ['netns', 'exec', namespace, command, ...args], {
            stdio: ['pipe', 'pipe', stderr],
            env
          })
          children.add(child)
          child.once('exit', () => {
            children.delete(child)
          })
          return child
        },
        plug: (lan, isIn) => ip('-n', hub, 'link', 'set', portName(lan, index), isIn ? 'up' : 'down')
      })
    }
  } catch (error) {
    removeAll()
    throw error
  }

  return {
    hub,
    host(name) {
      const host = made.get(name)
      if (host === undefined) throw new Error(`there is no host ${name} in this lab`)
      return host
    },
    async close() {
      await Promise.all(
        [...children].map(
          async child =>
            new Promise<void>(resolve => {
              child.once('exit', () => resolve())
              child.kill('SIGKILL')
            })
        )
      )
      removeAll()
    }
  }
}

/** Namespaces of labs and tests, alive or left behind. */
export function namespacesNow(): string[] {
  const names = ip('netns', 'list')
    .split('\n')
    .map(line => line.split(' ')[0]!)
  return names.filter(name => name.startsWith(`${prefix}-`))
}

/**
 * Removes what killed tests and labs have left behind: namespaces whose maker is no more, and the programs that still run
 * in them.
 * @returns the names of the namespaces
 */
export function sweep(): string[] {
  const left = namespacesNow().filter(name => !isRunning(Number(name.slice(prefix.length + 1).split('-')[0])))
  for (const name of left) {
    const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout.split('\n')
    for (const pid of pids.filter(line => /^\d+$/.test(line))) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {
        // It has just ended by itself.
      }
    }
    spawnSync('ip', ['netns', 'delete', name])
  }
  return left
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** @throws Error with what `ip` says */
export function ip(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
  return stdout
}
