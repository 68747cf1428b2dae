import type { Checker } from './checker.ts'

export const diskQuota: Checker = {
  name: 'disk-quota',
  promise: 'disk use stays under quota, and a full disk stops caching, never a download',
  check: ({ play, done }) =>
    play.agents.flatMap(agent => {
      const broken: string[] = []
      if (agent.disk.peakBytes > agent.disk.quotaBytes)
        broken.push(`${agent.id} kept ${agent.disk.peakBytes} bytes of ${agent.disk.quotaBytes}`)
      if (
        done &&
        agent.alive &&
        agent.disk.quotaBytes < play.content.length &&
        !agent.completedAt.has(play.content.transfer)
      ) {
        broken.push(`${agent.id} has too little disk for the content and never finished`)
      }
      return broken
    })
}
