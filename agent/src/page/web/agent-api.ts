/** Asking the agent: its JSON, with the token where a thing needs it; and what it refuses, as an error that can be shown. */

export class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly token?: string | null
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** @throws Refused; the browser's own error when the agent cannot be reached */
export async function send(
  path: string,
  { method = 'GET', token, body, signal }: Request
): Promise<Response> {
  const response = await fetch(path, {
    method,
    headers: {
      ...(token == null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' })
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal })
  })
  if (response.ok) return response
  const { error } = (await response.json().catch(() => ({}))) as {
    error?: { readonly code: string; readonly message: string }
  }
  throw new Refused(response.status, error?.code ?? '', error?.message ?? response.statusText)
}

/** The answer's JSON; null where there is none (204). */
export async function ask<Answer>(path: string, request: Request = {}): Promise<Answer> {
  const response = await send(path, request)
  return (response.status === 204 ? null : await response.json()) as Answer
}
