/** What is blanked in a log line, for pino's `redact`: nobody should log these, and if somebody does it is no harm. */
const names = [
  'ticket',
  'secret',
  'token',
  'password',
  'proof',
  'authorization',
  'proxy-authorization',
  'cookie'
]

export const secretFields: readonly string[] = names.flatMap(name =>
  ['', '*', '*.*'].map(before =>
    name.includes('-') ? `${before}["${name}"]` : before === '' ? name : `${before}.${name}`
  )
)
