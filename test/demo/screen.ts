/**
 * Where the demo writes. On a terminal the lines of progress are redrawn in place; elsewhere (a log, a pipe, CI)
 * one line a second is appended. All of it goes to stderr with `--json`, so that stdout is one object and nothing else.
 */
import type { Bytes, Millis } from '@starling/shared/units.ts'
import { bytesText, percentText, secondsText } from './words.ts'

/** One agent's bytes, by where they came from. */
export interface AgentProgress {
  readonly name: string
  readonly fromPeers: Bytes
  readonly fromGateway: Bytes
  readonly fromOrigin: Bytes
  /** Given to the client so far. */
  readonly delivered: Bytes
  readonly length: Bytes
}

export interface Screen {
  say(text?: string): void
  readonly progress: (agents: readonly AgentProgress[], wan: Bytes, elapsedMs: Millis) => void
  /** What was drawn last stays; the next words come under it. */
  settle(): void
}

export interface Terminal {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

const lineEveryMs: Millis = 1000

export function createScreen(terminal: Terminal, env: NodeJS.ProcessEnv): Screen {
  const live = terminal.isTTY === true && env.TERM !== 'dumb'
  const paint = palette(live && env.NO_COLOR === undefined)
  let drawnLines = 0
  let lastLineAt: Millis = -Infinity

  return {
    say(text = '') {
      drawnLines = 0
      terminal.write(`${text}\n`)
    },
    progress(agents, wan, elapsedMs) {
      if (live) {
        const columns = terminal.columns ?? 80
        const lines = [
          ...agents.map(agent => agentLine(agent, columns, paint)),
          `  ${paint.dim(`over the WAN: ${bytesText(wan)}   ${secondsText(elapsedMs)}`)}`
        ]
        terminal.write(
          (drawnLines > 0 ? `\u001b[${drawnLines}A` : '') + lines.map(line => `\u001b[2K${line}\n`).join('')
        )
        drawnLines = lines.length
        return
      }
      if (elapsedMs - lastLineAt < lineEveryMs) return
      lastLineAt = elapsedMs
      terminal.write(
        `  ${secondsText(elapsedMs)}  ${agents.map(agentWords).join(' | ')} | WAN ${bytesText(wan)}\n`
      )
    },
    settle() {
      drawnLines = 0
    }
  }
}

function agentWords({ name, delivered, length, fromPeers, fromGateway, fromOrigin }: AgentProgress): string {
  const sources = `peers ${bytesText(fromPeers)}, gateway ${bytesText(fromGateway)}, origin ${bytesText(fromOrigin)}`
  return `${name} ${percentText(delivered, length)} (${sources})`
}

type Paint = (text: string) => string
type Palette = Readonly<Record<'peers' | 'gateway' | 'origin' | 'dim', Paint>>

function palette(colourful: boolean): Palette {
  const colour = (code: number): Paint =>
    colourful ? text => `\u001b[${code}m${text}\u001b[0m` : text => text
  return { peers: colour(32), gateway: colour(36), origin: colour(33), dim: colour(2) }
}

/** `agent-1  ██████████░░░░░  61 %  peers 92.0 MiB  gateway 40.1 MiB  origin 0 B`; the bar shows who gave how much. */
export function agentLine(agent: AgentProgress, columns: number, paint: Palette): string {
  const { name, fromPeers, fromGateway, fromOrigin, delivered, length } = agent
  const words =
    `${paint.peers('peers')} ${bytesText(fromPeers).padStart(9)}  ` +
    `${paint.gateway('gateway')} ${bytesText(fromGateway).padStart(9)}  ` +
    `${paint.origin('origin')} ${bytesText(fromOrigin).padStart(9)}`
  // Name, percentage, the three words with their numbers and the gaps take 72 columns; a full line would wrap.
  const cells = Math.max(0, Math.min(40, columns - 73))
  // Rounded where one source ends and the next begins, not each for itself: so a full bar is full.
  const upTo = (bytes: Bytes): number =>
    length === 0 ? 0 : Math.min(cells, Math.round((bytes / length) * cells))
  const ends = [
    upTo(fromPeers),
    upTo(fromPeers + fromGateway),
    upTo(fromPeers + fromGateway + fromOrigin)
  ] as const
  const bar =
    paint.peers('█'.repeat(ends[0])) +
    paint.gateway('█'.repeat(ends[1] - ends[0])) +
    paint.origin('█'.repeat(ends[2] - ends[1])) +
    paint.dim('░'.repeat(cells - ends[2]))
  const percent = length === 0 ? '' : `${Math.floor((delivered / length) * 100)} %`
  return `  ${name.padEnd(9)} ${bar} ${percent.padStart(5)}  ${words}`
}
