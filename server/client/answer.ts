/** How an HTTP answer of the native API is read: a value, or problem details (RFC 9457) as a refusal. */
import type { Refusal } from '../operations/operation.ts'
import { type Reason, reasons } from '../operations/reason.ts'
import { ClientError } from './error.ts'

/** What came back. */
export interface ApiResponse {
  readonly status: number
  readonly contentType: string
  readonly retryAfter: string | undefined
  readonly body: string
}

/**
 * The answer of an operation. The value is not checked against its schema: `/v1` grows, and a client that wants to be sure
 * parses it. Throws a `ClientError` (`protocol`) for whatever is not an answer of postern's API.
 */
export function readAnswer(response: ApiResponse): { readonly ok: true; readonly value: unknown } | Refusal {
  const { status, contentType, body } = response
  const isYes = status >= 200 && status < 300
  if (status === 204) return { ok: true, value: {} }
  if (!(isYes ? /^application\/json\b/ : /^application\/problem\+json\b/).test(contentType))
    throw new ClientError('protocol', `HTTP ${status} with ${contentType || 'no'} content type, expected JSON`)
  const value = parseJson(body)
  return isYes ? { ok: true, value } : readProblem(value, response)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ClientError('protocol', 'the answer is not JSON', { cause })
  }
}

function readProblem(value: unknown, { status, retryAfter }: ApiResponse): Refusal {
  if (typeof value !== 'object' || value === null) throw new ClientError('protocol', `HTTP ${status} without a problem`)
  const { type: _type, title: _title, status: _status, code, detail, ...members } = value as Record<string, unknown>
  if (!isReason(code)) throw new ClientError('protocol', `HTTP ${status} with a code that this client does not know`)
  const seconds = /^\d{1,9}$/.test(retryAfter ?? '') ? { retry_after: Number(retryAfter) } : {}
  const more = { ...seconds, ...members }
  return {
    ok: false,
    reason: code,
    ...(typeof detail === 'string' && { detail }),
    ...(Object.keys(more).length > 0 && { more }),
  }
}

function isReason(code: unknown): code is Reason {
  return typeof code === 'string' && Object.hasOwn(reasons, code)
}
