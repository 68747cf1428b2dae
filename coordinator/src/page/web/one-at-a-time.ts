/**
 * One question at a time: what is wanted again while the answer is on its way is asked once more after it, however often it was
 * wanted. So nobody is asked faster than he answers, and every answer counts.
 *
 * @param ask never rejects
 */
export function oneAtATime(ask: () => Promise<void>): () => void {
  let isUnderWay = false
  let isWanted = false
  return function again(): void {
    if (isUnderWay) {
      isWanted = true
      return
    }
    isUnderWay = true
    void ask().finally(() => {
      isUnderWay = false
      if (!isWanted) return
      isWanted = false
      again()
    })
  }
}
