/**
 * What can be wrong with an agent, in words of ours, and what to do about it. Some an agent knows of itself; the others only
 * show when agents are seen beside each other, so the coordinator finds them (coordinator/src/core/noticing.ts).
 */

/** What a coordinator finds. */
export const noticedProblems = ['unreachable', 'no-multicast', 'slow-link', 'old-version'] as const
export type NoticedProblem = (typeof noticedProblems)[number]
export const fleetProblems = ['low-disk', 'clock-skew', ...noticedProblems] as const
export type FleetProblem = (typeof fleetProblems)[number]

/** A sentence each: what it is, and what to do. */
export const problemAdvice: Readonly<Record<FleetProblem, string>> = {
  'low-disk':
    'The disk of the cache is nearly full, so updates may not be kept: free some, or give the cache another place (DOModifyCacheDrive).',
  'clock-skew': 'The clock is over an hour wrong: let Windows Time (or NTP) set it.',
  unreachable:
    'Others of the site have dialled it for minutes in vain, so it takes and does not give: open the ports of "starling status" in its firewall, or look for client isolation.',
  'no-multicast':
    'mDNS heard nobody, though others are there on its subnet: let UDP 5353 through its firewall, and multicast through the access point (IGMP snooping, client isolation). The coordinator names peers meanwhile.',
  'slow-link':
    'Downloads come at a small part of what others of the site, or the line, give: look at its cable, port (10 Mbit/s, half duplex) or Wi-Fi.',
  'old-version': 'It has been behind the newest version of the fleet for two weeks: bring it up to date.'
}

export function adviceOn(problem: string): string | null {
  return Object.hasOwn(problemAdvice, problem) ? problemAdvice[problem as FleetProblem] : null
}
