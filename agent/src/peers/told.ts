/**
 * What an agent tells of its machine beside who it is, for people who look for a PC and not for a key. Words of `capabilities` in
 * `hello`, which an agent that does not know them skips. What is told is a claim and decides nothing.
 */
import type { PeerInfo } from '../ports.ts'

export type Told = Pick<PeerInfo, 'name' | 'network'>

/** A word has 64 characters at the most; a host name of Windows has 15, one of DNS up to 63. */
const nameLengthMax = 58
const nameWord = 'name:'
const networkWords = { wired: 'net:wired', wifi: 'net:wifi' } as const

export function wordsOf({ name, network }: Told): string[] {
  const [host = ''] = (name ?? '').split('.')
  return [
    ...(host === '' ? [] : [nameWord + host.slice(0, nameLengthMax)]),
    ...(network === null ? [] : [networkWords[network]])
  ]
}

export function toldBy(capabilities: readonly string[]): Told {
  const name = capabilities.find(word => word.startsWith(nameWord))?.slice(nameWord.length) ?? ''
  const isWifi = capabilities.includes(networkWords.wifi)
  return {
    name: name === '' ? null : name,
    network: isWifi ? 'wifi' : capabilities.includes(networkWords.wired) ? 'wired' : null
  }
}
