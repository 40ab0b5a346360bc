/** What the typed client throws: no answer came, or one that postern does not give. */

/**
 * `unreachable`: nothing took the connection. `interrupted`: it was cut before the answer was whole. `timeout`: the time
 * was up. `protocol`: what answered does not speak postern's API, or a newer one.
 */
export type ClientErrorCode = 'unreachable' | 'interrupted' | 'timeout' | 'protocol'

/** A fault of the exchange; a refusal is no fault, it is an answer. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
