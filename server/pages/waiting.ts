/** What the kiosk's screen shows when it is not logged in: `postern kiosk` sees that it waits, and logs it in again. */
import { renderArch } from './layout.ts'
import { markup, visible } from './markup.ts'

export interface WaitingPage {
  /** the machine's name, as people know it */
  readonly hostname: string
  /** where to go after a login by hand: a path of this origin, already checked */
  readonly next: string
}

/** The page. */
export function waitingPage({ hostname, next }: WaitingPage): string {
  const title = visible(hostname)
  const card = markup`<h1><bdi>${title}</bdi></h1>
<p role="status">This screen logs itself in again in a moment.</p>
<p class="aside"><a href="/login?by=hand&amp;next=${encodeURIComponent(next)}">Sign in by hand</a></p>`
  return renderArch(title, card)
}
