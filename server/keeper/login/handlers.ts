/** The handlers of the login operations. */
import { no, yes } from '../../operations/operation.ts'
import type { Output } from '../../operations/table.ts'
import type { Clock } from '../clock.ts'
import type { HandlersOf } from '../dispatch.ts'
import { showSession } from '../session/handlers.ts'
import type { IssuedTokens, Sessions } from '../session/sessions.ts'
import type { Logins } from './logins.ts'

/** Tokens as they are handed out. */
export function showTokens(issued: IssuedTokens, clock: Clock): Output<'login.begin'> {
  return {
    access_token: issued.accessToken,
    refresh_token: issued.refreshToken,
    token_type: 'Bearer',
    expires_in: Math.round(issued.expiresMs / 1000),
    session: showSession(issued.session, issued.identity, issued.session.id, clock),
  }
}

export function loginHandlers({
  logins,
  sessions,
  clock,
}: {
  logins: Logins
  sessions: Sessions
  clock: Clock
}): HandlersOf<'login.'> {
  return {
    'login.begin': async (input, caller) => {
      const answer = await logins.begin(input, caller)
      return answer.ok ? yes(showTokens(answer.value, clock)) : answer
    },
    'login.answer': async (input, caller) => {
      const answer = await logins.answer(input, caller)
      return answer.ok ? yes(showTokens(answer.value, clock)) : answer
    },
    'login.refresh': async ({ refresh_token: refreshToken }, caller) => {
      const issued = await sessions.refresh(refreshToken, caller.from, caller.note)
      if (issued === null) return no('refresh_failed')
      caller.note({ user: issued.identity.name, identity: issued.identity.id, session: issued.session.id })
      return yes(showTokens(issued, clock))
    },
  }
}
