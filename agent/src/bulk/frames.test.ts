import { randomBytes } from 'node:crypto'
import { createPrng } from '@starling/shared/prng.ts'
import { describe, expect, test } from 'vitest'
import {
  createQuestionReader,
  decodeAnswerHead,
  encodeAnswerHead,
  encodeCancel,
  encodeRequest,
  type AnswerHead,
  type BulkQuestion
} from './frames.ts'
