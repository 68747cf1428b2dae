/**
 * What a parent process says on stdin (`--stop-on-stdin-end`): a line a wish, and by its end that we are to stop. A parent that
 * dies says so too. What is no wish is passed over, so that an older agent runs under a newer host.
 */

/** The machine's policy has changed. */
const policyLine = 'policy'
/** No line is so long: more without an end is not kept. */
const lineLettersMax = 1024

export interface ControlChannel {
  /** No more is heard. */
  close(): void
}

export function openControlChannel(
  stdin: NodeJS.ReadableStream,
  heard: { readonly policy: () => void; readonly end: () => void }
): ControlChannel {
  let rest = ''
  const said = (piece: Buffer | string): void => {
    const lines = (rest + piece.toString()).split(/\r?\n/)
    rest = lines.pop()!.slice(0, lineLettersMax)
    if (lines.includes(policyLine)) heard.policy()
  }
  stdin.on('data', said).once('end', heard.end).once('close', heard.end).once('error', heard.end)
  stdin.resume()
  return {
    close: () =>
      void stdin
        .off('data', said)
        .off('end', heard.end)
        .off('close', heard.end)
        .off('error', heard.end)
        .pause()
  }
}
