/** Which interfaces are up on Linux and of what kind, by what the kernel says of them below /sys and /proc: no program is started. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Adapter, Networks } from './windows-network.ts'

/** ARPHRD_..., linux/if_arp.h: what has no link layer (WireGuard, tun) and PPP are tunnels. */
const tunnelTypes: ReadonlySet<number> = new Set([512, 768, 769, 776, 778, 65534])
const loopbackType = 772

/** @param root `/`, or a tree that a test has made @throws when there is no /sys */
export async function linuxNetworks(root: string): Promise<Networks> {
  const folder = join(root, 'sys/class/net')
  const waysOut = waysOutFrom(await readFile(join(root, 'proc/net/route'), 'utf8').catch(() => ''))
  const resolv = await readFile(join(root, 'etc/resolv.conf'), 'utf8').catch(() => '')
  const dnsSuffix = suffixFrom(resolv)
  const adapters: Adapter[] = []
  for (const name of (await readdir(folder)).toSorted()) {
    const text = async (file: string): Promise<string> =>
      (await readFile(join(folder, name, file), 'utf8').catch(() => '')).trim()
    const type = Number(await text('type'))
    if (type === loopbackType || (await text('operstate')) === 'down') continue
    const isWireless = await readdir(join(folder, name, 'wireless')).then(
      () => true,
      () => false
    )
    const kind = isWireless ? 'wifi' : tunnelTypes.has(type) ? 'tunnel' : 'wired'
    const isWayOut = waysOut.has(name)
    adapters.push({ id: name, name, description: '', kind, dnsSuffix: isWayOut ? dnsSuffix : null, isWayOut })
  }
  return { adapters, isMetered: null, hasSystemVpn: adapters.some(({ kind }) => kind === 'tunnel') }
}

/** `/proc/net/route`: interface, destination, gateway ... in hexadecimal, under a line of headings. */
function waysOutFrom(table: string): ReadonlySet<string> {
  const rows = table
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
  return new Set(rows.flatMap(([name, destination]) => (destination === '00000000' ? [name!] : [])))
}

function suffixFrom(resolv: string): string | null {
  const [, suffix] = /^\s*(?:search|domain)\s+(\S+)/m.exec(resolv) ?? []
  return suffix === undefined || suffix === '.' ? null : suffix.toLowerCase()
}
