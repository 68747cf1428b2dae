/** What is done to the coordinator itself, by the administrator of its machine. */
import { z } from 'zod'
import { operation } from './operation.ts'

export const rotateSecrets = operation({
  method: 'POST',
  path: '/api/v1/secrets/rotate',
  access: 'admin',
  localOnly: true,
  summary: 'Seals all secrets anew under a new data key.',
  action: 'secrets.rotate',
  answer: z.object({ secrets: z.number().int().nonnegative() })
})

export const changeMasterKey = operation({
  method: 'POST',
  path: '/api/v1/secrets/master-key',
  access: 'admin',
  localOnly: true,
  summary: 'Seals all secrets anew under a new data key, which a new master key wraps from now on.',
  action: 'secrets.change-master-key',
  body: z.object({
    file: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe(
        "absolute path on the coordinator's machine of a file that holds the new one; without: one is made"
      )
  }),
  answer: z.object({ secrets: z.number().int().nonnegative() })
})

export const copyDatabase = operation({
  method: 'POST',
  path: '/api/v1/backups',
  access: 'admin',
  localOnly: true,
  summary:
    'Puts a consistent copy of the database into the data folder, from where the command line takes it.',
  action: 'backup.create',
  answer: z.object({
    kind: z.enum(['sqlite', 'postgres']),
    file: z.string().nullable().describe('name in the data folder; null: use pg_dump')
  })
})
