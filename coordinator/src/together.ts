/**
 * All open pages hear the same beat and ask the same within milliseconds: whoever asks while an answer is being made gets that
 * one, so fifty pages cost a database what one does.
 */
export function together<Args extends readonly unknown[], Answer>(
  ask: (...args: Args) => Promise<Answer>
): (...args: Args) => Promise<Answer> {
  const underWay = new Map<string, Promise<Answer>>()
  return async (...args) => {
    const question = JSON.stringify(args)
    const known = underWay.get(question)
    if (known !== undefined) return await known
    const answer = ask(...args)
    underWay.set(question, answer)
    try {
      return await answer
    } finally {
      underWay.delete(question)
    }
  }
}
