/** What a start from the source tree says to who looks at the terminal (POSTERN_HINTS): what to try next. */
import type { Keeper } from './keeper.ts'

/** How long the link is good that is printed to a terminal, in milliseconds. */
const linkMs = 600_000

/** Writes commands to try to stderr; `url` is where plain HTTP is served. A link that logs in only to a terminal: a file would keep it. */
export async function printHints(runtime: string, url: string, keeper: Keeper): Promise<void> {
  const option = runtime === '/run/postern' ? '' : `--runtime ${runtime} `
  process.stderr.write(`
Three things to try, in another terminal:
  ./scripts/postern ${option}status
  ./scripts/postern ${option}sessions --everyone
  printf 'Authorization: Bearer %s' "$(cat ${runtime}/token)" | curl -s -H @- ${url}/postern/v1/me
and in a browser: ${url}/login
`)
  if (!process.stderr.isTTY) return
  const ticket = await keeper.createOwnTicket(linkMs)
  if (ticket !== null)
    process.stderr.write(`or, for ten minutes and once, without a password: ${url}/login?token=${ticket}\n`)
}
