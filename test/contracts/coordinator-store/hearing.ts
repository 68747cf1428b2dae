/** Waiting for what a listener hears. */

/** Collects it into `heard`; `until(count)` when that many have come. */
export function hearing(heard: Array<string | null>) {
  const waiting = new Map<number, PromiseWithResolvers<void>>()
  return {
    until(count: number): Promise<void> {
      const wait = waiting.get(count) ?? Promise.withResolvers<void>()
      waiting.set(count, wait)
      if (heard.length >= count) wait.resolve()
      return wait.promise
    },
    handler: (payload: string | null): void => {
      heard.push(payload)
      for (const [count, wait] of waiting) if (heard.length >= count) wait.resolve()
    }
  }
}
