/** Whether somebody has named an agent's site, or the policy's site definitions find it. */
import { z } from 'zod'

export const placedByShape = z
  .enum(['name', 'definitions'])
  .describe('`name`: somebody has named the site; `definitions`: siteDefinitions of the policy find it')
export type PlacedBy = z.output<typeof placedByShape>
