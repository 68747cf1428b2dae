/**
 * A client of a WSUS goes on scanning there, and fetches files from the alternate download server: the agent of its own machine, which
 * asks the WSUS.
 */
import type { ServingAgent } from '../../ports.ts'
import { answersAt, isSameAddress, windowsPolicies, type ItemRules } from '../item-rules.ts'
import type { Kept } from '../journal.ts'
import { registry, type Values } from '../places.ts'
import { numberOf, text, textOf } from '../stored.ts'

const key = `${windowsPolicies}\\WindowsUpdate`

export const wsus: ItemRules = {
  item: 'wsus',
  level: 'machine',
  what: 'a client of a WSUS fetches its files through the agent (UpdateServiceUrlAlternate)',
  changed: { alternate: registry(key, 'UpdateServiceUrlAlternate') },
  looked: { server: registry(key, 'WUServer'), use: registry(`${key}\\AU`, 'UseWUServer') },
  want: (now, agent, kept) => ({
    values: new Map([['alternate', text(alternateOf(agent))]]),
    refusal: refusalOf(now, agent, kept),
    notes: notesOf(now, agent)
  }),
  checks: agent => [
    answersAt(alternateOf(agent)),
    {
      url: `${alternateOf(agent)}/ClientWebService/Client.asmx`,
      proves: 'origin',
      what: 'the WSUS, through the agent'
    }
  ]
}

const alternateOf = ({ host, port }: ServingAgent): string =>
  `http://${host === '127.0.0.1' ? 'localhost' : host}:${port}`

function refusalOf(now: Values, agent: ServingAgent, kept: Kept): string | null {
  if (agent.wsus === null)
    return (
      `the agent knows no WSUS: set proxy.wsus to its address (${textOf(now.get('server') ?? null) ?? 'http://wsus.corp.example:8530'}), ` +
      'and its host in upstream.allowPrivate if it has a private address'
    )
  const there = textOf(now.get('alternate') ?? null) ?? ''
  const own = [alternateOf(agent), ...(kept['alternate']?.ours ?? []).flatMap(one => textOf(one) ?? [])]
  if (there === '' || own.some(address => isSameAddress(address, there))) return null
  return (
    `another program is the alternate download server now (UpdateServiceUrlAlternate is ${there}; Configuration Manager sets one of its own): ` +
    'leave it to that one, or take the value away there and apply again'
  )
}

function notesOf(now: Values, agent: ServingAgent): string[] {
  const server = textOf(now.get('server') ?? null)
  const notes: string[] = []
  if (server === null || server === '' || numberOf(now.get('use') ?? null) !== 1)
    notes.push(
      'this machine has no WSUS by policy (WUServer, UseWUServer): until it has, Windows does not ask the alternate'
    )
  else if (agent.wsus !== null && hostOf(server) !== hostOf(agent.wsus))
    notes.push(`WUServer is ${server}, and proxy.wsus of the agent ${agent.wsus}: they should be the same`)
  return notes
}

/** Content of a WSUS is on http, also where the server itself is asked by https on the next port. */
const hostOf = (address: string): string | undefined => URL.parse(address)?.hostname
