/**
 * An agent that lies: the real program with its real command line, in which just one part, the one between the
 * agent and its peers, was exchanged for liar-peers.ts while it was loaded. It is a true member and has the true content,
 * so every other agent has every reason to believe it.
 */
import { registerHooks } from 'node:module'

const honest = import.meta.resolve('@starling/agent/peers/peers.ts')
const lying = new URL('liar-peers.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    return found.url === honest && context.parentURL !== lying ? { ...found, url: lying } : found
  }
})
await import('@starling/agent/main.ts')
