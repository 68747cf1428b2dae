import { StarlingError } from '@starling/shared/errors.ts'
import type { FastifyRequest } from 'fastify'
import { expect, it } from 'vitest'
import { admit } from './access.ts'

const nobody = () => Promise.reject(new StarlingError('asked', 'nobody should be asked'))

it('a route that forgot to say who may call it is closed to all', async () => {
  const forgetful = {
    routeOptions: { config: {} },
    headers: { authorization: 'Bearer token' }
  } as unknown as FastifyRequest
  const keeper = {
    adminToken: 'token',
    byToken: nobody,
    bySession: nobody,
    member: nobody
  }
  await expect(admit(forgetful, keeper)).rejects.toMatchObject({ code: 'closed' })
})
