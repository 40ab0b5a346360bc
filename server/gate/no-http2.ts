/**
 * Stands for node:http2 in the gate's bundle. @hono/node-server asks only whether a request is HTTP/2; the gate serves
 * HTTP/1.1 alone, and loading node:http2 with all of TLS would be a quarter of its start.
 */

/** No request is one of these. */
export class Http2ServerRequest {}

export const constants = {}
