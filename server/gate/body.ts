/** Request bodies: bounded, and parsed once from unknown. */
import type { IncomingMessage } from 'node:http'
import { no, type Refusal } from '../operations/operation.ts'

/** The largest body of the API and the forms, in bytes; it fits a frame of the link however it is escaped. */
const maxBodyBytes = 128 * 1024

type Body<T> = { readonly ok: true; readonly value: T } | Refusal<'invalid_input' | 'too_large' | 'not_json'>

const tooLarge = no('too_large', `a body of at most ${maxBodyBytes} bytes is expected`)

async function readText(incoming: IncomingMessage): Promise<Body<string>> {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBodyBytes) return tooLarge
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBodyBytes) return tooLarge
    chunks.push(chunk)
  }
  try {
    return { ok: true, value: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)) }
  } catch {
    return no('invalid_input', 'the body is not UTF-8')
  }
}

function mediaType(incoming: IncomingMessage): string {
  return (incoming.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/**
 * The JSON object of a body; an empty body is an empty object. Another media type is refused: a page of another site can
 * send text/plain without being asked, but not application/json.
 */
export async function readJsonBody(incoming: IncomingMessage): Promise<Body<Record<string, unknown>>> {
  const text = await readText(incoming)
  if (!text.ok) return text
  if (text.value === '') return { ok: true, value: {} }
  if (mediaType(incoming) !== 'application/json') return no('not_json', 'Content-Type: application/json is expected')
  try {
    const value: unknown = JSON.parse(text.value)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { ok: true, value: value as Record<string, unknown> }
  } catch {
    // The parser's words quote the text, which may hold a password.
  }
  return no('invalid_input', 'the body is not a JSON object')
}

/** The fields of a form. */
export async function readFormBody(incoming: IncomingMessage): Promise<Body<URLSearchParams>> {
  const text = await readText(incoming)
  if (!text.ok) return text
  if (mediaType(incoming) !== 'application/x-www-form-urlencoded') return no('invalid_input', 'a form is expected')
  return { ok: true, value: new URLSearchParams(text.value) }
}
