/** Codes of what a coordinator refuses, or cannot do, with the HTTP status of each. The sentence beside a code is for people; pages know the codes. */

/** What a person may be told, by the page too. */
const toPeople = {
  'not-signed-in': 401,
  closed: 403,
  'role-too-low': 403,
  'local-only': 403,
  'other-site': 403,
  'cross-origin': 403,
  'sign-in-wrong': 401,
  'code-wrong': 403,
  'not-an-account': 403,
  'account-exists': 409,
  'has-accounts': 409,
  'last-admin': 409,
  'password-weak': 400,
  'too-busy': 503,
  'unknown-account': 404,
  'unknown-token': 404,
  'too-many-failures': 429,
  'unknown-agent': 404,
  'unknown-ticket': 404,
  'unknown-alert': 404,
  'unknown-order': 404,
  'no-webhook': 409,
  'webhook-failed': 502,
  'unknown-policy': 404,
  'bad-policy': 400,
  'bad-stages': 400,
  'rollout-active': 409,
  'no-rollout': 409,
  'policy-busy': 409,
  'policy-moved': 409,
  'asker-gone': 409,
  'store-away': 503,
  'store-refused': 503,
  'store-full': 503,
  'bad-body': 400,
  'bad-url': 400,
  'too-late': 400,
  'too-many-orders': 409,
  internal: 500,
  'bad-answer': 500
} as const

const toAgents = {
  'no-key': 401,
  'not-enrolled': 403,
  revoked: 403,
  'ticket-unknown': 403,
  'ticket-expired': 403,
  'ticket-used': 403,
  'ticket-role': 403,
  'news-full': 503
} as const

/** Asked for on the machine of the coordinator only. */
const toItsAdmin = {
  'master-key-wrong': 503,
  'master-key-elsewhere': 409,
  'master-key-missing': 400,
  'master-key-damaged': 400,
  'secret-file-exposed': 400,
  'secret-file-unreadable': 400,
  'secret-file-unwritable': 503
} as const

export type RefusalCode = keyof typeof toPeople

export const refusalStatuses: Readonly<Record<string, number>> = { ...toPeople, ...toAgents, ...toItsAdmin }
