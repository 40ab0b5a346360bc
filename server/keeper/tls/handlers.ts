/** The handlers of the cert operations. */
import { no, yes } from '../../operations/operation.ts'
import type { HandlersOf } from '../dispatch.ts'
import { toRfc3339 } from '../instant.ts'
import type { Certificate } from './pem.ts'
import type { Tls } from './tls.ts'

function show({ fingerprint, sha256, names, addresses, notBeforeMs, notAfterMs, selfSigned, key }: Certificate) {
  return {
    fingerprint,
    certificate_sha256: sha256,
    names: [...names],
    addresses: [...addresses],
    not_before: toRfc3339(notBeforeMs),
    not_after: toRfc3339(notAfterMs),
    self_signed: selfSigned,
    key,
  }
}

const notServed = () => no('not_found', 'HTTPS is not served: postern remote on')

export function certHandlers({ tls, hasFiles }: { tls: Tls; hasFiles: () => boolean }): HandlersOf<'cert.'> {
  const answer = () => (tls.served === null ? notServed() : yes(show(tls.served.certificate)))
  return {
    'cert.show': async () => answer(),
    'cert.renew': async (_input, { note }) => {
      if (tls.served === null) return notServed()
      if (!(await tls.renew()))
        return no('conflict', 'the certificate is not one that postern made: renew it where it was made')
      note({ fingerprint: tls.served.certificate.fingerprint })
      return answer()
    },
    'cert.import': async (material, { note }) => {
      if (tls.served === null) return notServed()
      if (hasFiles())
        return no('conflict', 'tls.certificate and tls.key of the configuration are served: replace those files')
      const fault = await tls.accept(material)
      if (fault !== null) return no('conflict', fault)
      note({ fingerprint: tls.served.certificate.fingerprint })
      return answer()
    },
  }
}
