/** Why contacts failed, counted. The reasons are words of ours, never a peer's, so their number is bounded. */
export interface Refusals {
  count(reason: string): void
  readonly counted: ReadonlyMap<string, number>
}

export function createRefusals(): Refusals {
  const counted = new Map<string, number>()
  return {
    counted,
    count: reason => {
      counted.set(reason, (counted.get(reason) ?? 0) + 1)
    }
  }
}
