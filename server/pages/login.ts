/** The login page: a plain form that works without script. */
import { renderArch } from './layout.ts'
import { markup, visible } from './markup.ts'

export interface LoginPage {
  /** the machine's name, as people know it */
  readonly hostname: string
  /** where to go afterwards: a path of this origin, already checked; it is not checked here */
  readonly next: string
  /** the name to fill in */
  readonly user?: string | undefined
  /** a sentence about what did not work, from `errorText` */
  readonly error?: string | undefined
  /** of the certificate's key, where HTTPS is served */
  readonly fingerprint?: string | undefined
}

/** The page at GET /login; its form posts `user`, `password` (may be empty) and `next` to /login. */
export function loginPage({ hostname, next, user = '', error, fingerprint }: LoginPage): string {
  const title = `Sign in to ${visible(hostname)}`
  const described = error !== undefined && markup` aria-describedby="error"`
  const atUser = user === '' && markup` autofocus`
  const atPassword = user !== '' && markup` autofocus`
  const card = markup`<h1>Sign in to <bdi>${visible(hostname)}</bdi></h1>
${error !== undefined && markup`<p class="alert" id="error" role="alert">${visible(error)}</p>`}
<form class="stack" method="post" action="/login">
<input type="hidden" name="next" value="${next}">
<label for="user">Name</label>
<input id="user" name="user" type="text" value="${user}" required maxlength="1024" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false"${described}${atUser}>
<label for="password">Password</label>
<input id="password" name="password" type="password" maxlength="4096" autocomplete="current-password"${described}${atPassword}>
<button>Sign in</button>
</form>
${fingerprint !== undefined && markup`<p class="fingerprint">Fingerprint of this machine’s certificate: <code>${fingerprint}</code></p>`}`
  return renderArch(title, card)
}
