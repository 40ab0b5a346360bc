/** The typed client of the table over HTTP, for programs: `postern/client`. */
import { type Agent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import type { Answer, Call, Name, Request } from '../operations/table.ts'
import { version } from '../operations/version.ts'
import { type ApiResponse, readAnswer } from './answer.ts'
import { ClientError } from './error.ts'
import { type ApiRequest, describeRequest } from './request.ts'

export { ClientError, type ClientErrorCode } from './error.ts'
export type { Answer, Call, Name, Request }

/** Where postern is: its origin, such as `http://127.0.0.1:7640`, or the path of its UNIX socket. */
export type Target =
  | { readonly origin: string; readonly socketPath?: undefined }
  | { readonly socketPath: string; readonly origin?: undefined }

export type HttpClientOptions = Target & {
  /** The path below which a reverse proxy has postern, such as `/sub`; none when left out. */
  readonly prefix?: string
  /** Asked before each call; null calls without a token. */
  readonly token?: () => string | null
  /** For one whole exchange, in milliseconds. A login takes as long as PAM and its person do: two minutes by default. */
  readonly timeoutMs?: number
  /** Holds the connections; Node's own when left out, which keeps none open. */
  readonly agent?: Agent
}

const defaultTimeoutMs = 120_000

/** An answer of postern's fits into a frame of its link: 1 MiB, and its escapes. */
const maxAnswerBytes = 2 * 1024 * 1024

/**
 * Builds a client: `await call('session.list', { everyone: true })` answers `{ ok: true, value }` or
 * `{ ok: false, reason, detail, more }`. It follows no redirect, keeps no cookie, and tries nothing twice. A call rejects
 * with a `ClientError` when no answer came, and with a TypeError when the operation has no HTTP route. Throws a TypeError
 * for an origin that is none.
 */
export function createHttpClient(options: HttpClientOptions): Call {
  const target = targetOf(options)
  return async <N extends Name>(name: N, input: Request<N>): Promise<Answer<N>> => {
    const response = await exchange(describeRequest(name, input), options, target)
    return readAnswer(response) as Answer<N>
  }
}

function targetOf({ origin, socketPath }: Target): RequestOptions {
  if (origin === undefined) return { socketPath, host: 'localhost' }
  const url = URL.canParse(origin) ? new URL(origin) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== origin)
    throw new TypeError(`expected an origin such as http://127.0.0.1:7640, found ${origin}`)
  return { protocol: url.protocol, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port }
}

function headersOf({ body }: ApiRequest, token: string | null): Record<string, string> {
  return {
    accept: 'application/json, application/problem+json',
    'user-agent': `postern/${version}`,
    ...(token !== null && { authorization: `Bearer ${token}` }),
    ...(body !== null && {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    }),
  }
}

async function exchange(api: ApiRequest, options: HttpClientOptions, target: RequestOptions): Promise<ApiResponse> {
  // Loaded when it is needed: TLS costs a quarter of the start.
  const send = target.protocol === 'https:' ? (await import('node:https')).request : requestHttp
  const headers = headersOf(api, options.token?.() ?? null)
  const { agent, prefix = '', timeoutMs = defaultTimeoutMs } = options
  const path = prefix + api.path
  return new Promise((resolve, reject) => {
    const request = send({ ...target, ...(agent && { agent }), method: api.method, path, headers })
    const timer = setTimeout(
      () => request.destroy(new ClientError('timeout', `no answer in ${timeoutMs / 1000} s`)),
      timeoutMs,
    )
    request.once('close', () => clearTimeout(timer))
    request.on('error', fault => reject(describeFault(fault, request.reusedSocket)))
    request.on('response', response => readBody(response).then(resolve, reject))
    request.end(api.body ?? undefined)
  })
}

/** The whole answer; bounded, and rejects when it is cut. */
async function readBody(response: IncomingMessage): Promise<ApiResponse> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response) {
      size += chunk.length
      if (size > maxAnswerBytes) throw new ClientError('protocol', `an answer of more than ${maxAnswerBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (fault) {
    throw describeFault(fault, true)
  }
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'] ?? '',
    retryAfter: response.headers['retry-after'],
    body: Buffer.concat(chunks).toString('utf8'),
  }
}

/** The system's errors become ours; what an agent or the timer threw stays what it is. */
function describeFault(fault: unknown, wasConnected: boolean): unknown {
  const code = fault instanceof Error ? (fault as NodeJS.ErrnoException).code : undefined
  if (!(fault instanceof Error) || fault instanceof ClientError || typeof code !== 'string') return fault
  if (code.startsWith('HPE_')) return new ClientError('protocol', 'what answers does not speak HTTP', { cause: fault })
  const isCut = wasConnected || code === 'ECONNRESET' || code === 'EPIPE'
  return isCut
    ? new ClientError('interrupted', 'the connection was cut before the answer', { cause: fault })
    : new ClientError('unreachable', `nothing answers: ${fault.message}`, { cause: fault })
}
