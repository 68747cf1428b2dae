import { MiB } from '@starling/shared/units.ts'
import { allowances, honest, type Checker } from './checker.ts'

/** The promise proper: what a liar takes for itself, and gives to nobody, none can forbid it. What faults add is counted fault by fault. */
const copiesMax = 1.02

export const oneCopy: Checker = {
  name: 'one-copy',
  promise: 'each extent crosses the WAN about once per site',
  check: outcome => {
    const { world, content, options } = outcome.play
    const allowed = copiesMax * content.length + allowances(outcome).bytes
    const liars = new Set(outcome.play.agents)
    for (const agent of honest(outcome)) liars.delete(agent)
    const broken: string[] = []
    for (let site = 0; site < options.sites; site++) {
      let { bytes } = world.wanOf(site)
      for (const liar of liars) if (liar.site === site) bytes -= liar.fromUpstream
      if (bytes > allowed) {
        broken.push(
          `${(bytes / MiB).toFixed(1)} MiB came over the line${options.sites > 1 ? ` of site ${site}` : ''}, ${(allowed / MiB).toFixed(1)} were allowed`
        )
      }
    }
    return broken
  }
}
