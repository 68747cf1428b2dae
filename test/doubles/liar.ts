/**
 * An agent that lies: the real program with its real command line, in which just one part, the one that answers
 * peers, was exchanged for liar-flows.ts while it was loaded. It is a true member and has the true content, so every
 * other agent has every reason to believe it.
 */
import { registerHooks } from 'node:module'

const honest = import.meta.resolve('@starling/agent/flows/flows.ts')
const lying = import.meta.resolve('./liar-flows.ts')

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    return found.url === honest && context.parentURL !== lying ? { ...found, url: lying } : found
  }
})
await import('@starling/agent/main.ts')
