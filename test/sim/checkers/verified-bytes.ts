import type { Checker } from './checker.ts'

export const verifiedBytes: Checker = {
  name: 'verified-bytes',
  promise: 'every byte given to a client is right',
  check: ({ play }) => {
    const bytes = play.world.wrongBytesToClients
    return bytes === 0 ? [] : [`clients were given ${bytes} wrong bytes`]
  }
}
