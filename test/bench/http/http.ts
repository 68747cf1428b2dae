/** The figures of the HTTP proxy, in the order in which they are told. */
import type { Bench } from '../bench.ts'
import { amplification } from './amplification.ts'
import { coldCrowd, memory } from './crowds.ts'
import { hitByMany, hitByOne, hitSmall } from './hits.ts'
import { miss } from './miss.ts'

export const httpBenches: readonly Bench[] = [
  hitByOne,
  hitByMany,
  hitSmall,
  miss,
  coldCrowd,
  memory,
  amplification
]
