/** The handlers of the signing operations. */
import { no, yes } from '../../operations/operation.ts'
import type { HandlersOf } from '../dispatch.ts'
import { toRfc3339 } from '../instant.ts'
import { pageOf } from '../page.ts'
import type { SigningKey, SigningKeys } from './keys.ts'

export function signingHandlers({
  keys,
  tellGates,
}: {
  keys: SigningKeys
  /** Sends every gate the public keys of now. */
  tellGates: () => Promise<void>
}): HandlersOf<'signing.'> {
  const show = ({ kid, algorithm, createdMs, retired }: SigningKey) => ({
    kid,
    algorithm,
    created_at: createdMs === null ? null : toRfc3339(createdMs),
    active: retired === null && kid === keys.active.kid,
  })
  return {
    'signing.list': async input => pageOf(keys.list().map(show), input),
    'signing.rotate': async () => {
      if (keys.active.algorithm === 'HS256') return no('conflict', 'HS256 signs with jwt_secret: change it there')
      const key = await keys.rotate(tellGates)
      return yes(show(key))
    },
  }
}
