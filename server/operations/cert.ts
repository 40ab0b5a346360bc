/** The certificate that HTTPS is served with, and whether other machines are served at all. */
import * as z from 'zod'
import { time } from './list.ts'
import { operation } from './operation.ts'

const certificate = z
  .object({
    fingerprint: z.string().describe("SHA-256 of the key's SubjectPublicKeyInfo: what a client pins"),
    certificate_sha256: z.string().describe('SHA-256 of the whole certificate, as browsers show it'),
    names: z.array(z.string()),
    addresses: z.array(z.string()),
    not_before: time,
    not_after: time,
    self_signed: z.boolean(),
    key: z.string().describe('its kind, such as P-256 or RSA 2048'),
  })
  .meta({ id: 'Certificate' })

/** PEM of a chain of certificates or of a key; a chain is seldom longer than 10 kB. */
const pem = z.string().max(65536)

export const certOperations = {
  'cert.show': operation({
    summary: 'Shows the certificate that HTTPS is served with.',
    http: 'GET /cert',
    access: 'public',
    input: z.strictObject({}),
    output: certificate,
    refuses: ['not_found'],
  }),
  'cert.renew': operation({
    summary: 'Makes the certificate anew for the names and addresses of now; its key stays.',
    http: 'POST /cert/renew',
    access: { permission: 'cert.manage', max_auth_age_seconds: 900 },
    input: z.strictObject({}),
    output: certificate,
    refuses: ['not_found', 'conflict'],
    audit: 'always',
  }),
  'cert.import': operation({
    summary: 'Serves HTTPS with a certificate and key of your own.',
    http: 'PUT /cert',
    access: { permission: 'cert.manage', max_auth_age_seconds: 900 },
    input: z.strictObject({
      certificate: pem.describe('PEM: the certificate, then those that lead to its authority'),
      key: pem.describe('PEM: its private key, without a passphrase'),
    }),
    output: certificate,
    refuses: ['not_found', 'conflict'],
    audit: 'always',
  }),
}
