/** JSON that a program of the system printed, in the shape that it is to have. */
import type { z } from 'zod'

/** @returns null for what is no such answer */
export function printed<Answer>(text: string, shape: z.ZodType<Answer>): Answer | null {
  try {
    const parsed = shape.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
