/** Asks who would become somebody else: what a login link for another person shows. */
import { renderArch } from './layout.ts'
import { markup, visible } from './markup.ts'

export interface ConfirmPage {
  /** the machine's name, as people know it */
  readonly hostname: string
  /** who is signed in; null for nobody */
  readonly user: string | null
  /** whom the link signs in */
  readonly other: string
  readonly ticket: string
  /** where to go afterwards: a path of this origin, already checked */
  readonly next: string
}

/** The page; its form posts `token` and `next` to /login/link. */
export function confirmPage({ hostname, user, other, ticket, next }: ConfirmPage): string {
  const consequence =
    user === null
      ? 'If that is not you, somebody else made it, and sees whatever you do there.'
      : markup`You are signed in as <bdi>${visible(user)}</bdi>, and would be signed out.`
  const card = markup`<h1>Sign in as <bdi>${visible(other)}</bdi>?</h1>
<p>This link signs <bdi>${visible(other)}</bdi> in to <bdi>${visible(hostname)}</bdi>. ${consequence}</p>
<form class="stack" method="post" action="/login/link">
<input type="hidden" name="token" value="${ticket}">
<input type="hidden" name="next" value="${next}">
<button>Sign in as ${visible(other)}</button>
</form>
<p class="aside"><a href="/postern/">${user === null ? 'Sign in as yourself' : markup`Stay ${visible(user)}`}</a></p>`
  return renderArch(`Sign in as ${visible(other)}?`, card)
}
