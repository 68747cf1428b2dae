import { stage, optionsFor } from './play.ts'
import { hundredSites } from './scenarios/hundred-sites.ts'
const o = optionsFor(hundredSites, { agents: 60, sites: 10, size: 32*2**20, seed: 7 })
const p = stage(hundredSites, o)
let n = 0; const seen: string[] = []
p.world.onEvent = (a, e, now) => { n++; seen.push(`${now} ${a.id} ${e.type}`); if (seen.length > 40) seen.shift() }
p.world.runUntil(() => p.world.happened > 300_000, 1e9)
console.log(p.world.now, p.world.happened, n, seen.join('\n'))
