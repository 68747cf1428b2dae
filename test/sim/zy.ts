import { stage, optionsFor, perform } from './play.ts'
import { slowBranch } from './scenarios/slow-branch.ts'
const o = optionsFor(slowBranch, { agents: 11, seed: 813, size: 23 * 2 ** 20 })
const p = stage(slowBranch, o)
p.world.onEffect = (a, e) => { if (e.type === 'fetch-upstream' || e.type === 'report' || e.type === 'cancel-flow' || (e.type === 'say' && e.message.type === 'release')) console.log(p.world.now.toFixed(0), a.id, JSON.stringify(e).slice(0, 230).replace(/"transfer":"\w+",/g, '')) }
p.world.onEvent = (a, e) => { if (e.type === 'flow-progress' && p.world.now < 6000) console.log(p.world.now.toFixed(0), a.id, JSON.stringify(e)); if (e.type === 'chunk-stored' && e.source.kind === 'upstream') console.log(p.world.now.toFixed(0), a.id, 'upstream chunk', e.chunk) }
perform(p, 1e8)
