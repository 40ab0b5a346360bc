/** The life of a kiosk: wait for the daemon, show its page, log in again whenever that comes to an end. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Browser } from './browser.ts'
import type { KioskDaemon, KioskStatus, Traces } from './daemon.ts'
import { Pace } from './pace.ts'
import { Watch } from './watch.ts'

/** Between two looks at the daemon, in milliseconds: until the browser is logged in, and afterwards. */
const waitingPauseMs = 250
const watchingPauseMs = 500
/** A daemon that is there so soon needs no waiting page, which would only flash. */
const graceMs = 250

/** What the loop needs of a browser, and of the daemon. */
export type Screen = Pick<Browser, 'over' | 'how' | 'lastWords' | 'forgetLink' | 'end'>
type Daemon = Pick<KioskDaemon, 'knock' | 'readTicket' | 'look' | 'linkOf'>

export interface Kiosk {
  readonly daemon: Daemon
  /** What the browser is called in what is said. */
  readonly name: string
  /** The path that is shown. */
  readonly next: string
  /** Starts a browser at `url`; `secret` is the ticket in it. */
  open(url: string, secret: string | null): Screen
  /** The page that is shown while there is no daemon. */
  readonly waitingPage: string
  say(text: string): void
  /** Ends it all. */
  readonly stop: AbortSignal
}

/** A ticket that lies ready, and what the daemon said with it. */
interface Ready {
  readonly ticket: string
  readonly status: KioskStatus
  readonly traces: Traces
}

/** Runs until `stop`; then no browser and no profile is left. */
export async function runKiosk(kiosk: Kiosk): Promise<void> {
  const pace = new Pace()
  while (!kiosk.stop.aborted) {
    const ready = await awaitTicket(kiosk, pace)
    if (ready !== null) await showPage(kiosk, ready, pace)
  }
}

/** The next ticket; null when the kiosk is stopped first. Shows the waiting page when it takes long. */
async function awaitTicket(kiosk: Kiosk, pace: Pace): Promise<Ready | null> {
  const startedMs = performance.now()
  let page: Promise<void> | null = null
  const done = new AbortController()
  let said = ''
  try {
    while (!kiosk.stop.aborted) {
      const ready = await findTicket(kiosk.daemon)
      if (typeof ready !== 'string') return ready
      if (performance.now() - startedMs >= graceMs) {
        if (ready !== said) kiosk.say(`postern: waiting: ${ready}`)
        said = ready
        page ??= showWaitingPage(kiosk, pace, AbortSignal.any([kiosk.stop, done.signal]))
      }
      await pause(waitingPauseMs, kiosk.stop)
    }
    return null
  } finally {
    done.abort()
    await page
  }
}

/** The ticket, or why there is none. */
async function findTicket(daemon: Daemon): Promise<Ready | string> {
  const knock = await daemon.knock()
  if (knock.kind !== 'status') return knock.why
  const traces = daemon.look()
  const { ticket } = traces
  const isReady = knock.status.ticket && ticket !== null
  return isReady ? { ticket, traces, status: knock.status } : 'the daemon has no ticket ready'
}

/** Keeps the waiting page on the screen until `stop`. */
async function showWaitingPage(kiosk: Kiosk, pace: Pace, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const startedMs = performance.now()
    const browser = kiosk.open(kiosk.waitingPage, null)
    try {
      await whenAborted(AbortSignal.any([browser.over, stop]))
    } finally {
      await browser.end()
    }
    if (!stop.aborted) await rest(kiosk, browser, pace.next(performance.now() - startedMs), stop)
  }
}

/** Shows the page that the ticket leads to, until the browser ends or must be ended. */
async function showPage(kiosk: Kiosk, { ticket, traces, status }: Ready, pace: Pace): Promise<void> {
  const startedMs = performance.now()
  const browser = kiosk.open(kiosk.daemon.linkOf(ticket, kiosk.next), ticket)
  let why: string | null
  try {
    const watch = new Watch({ wasWaiting: status.waiting, traces, nowMs: startedMs })
    why = await watchBrowser(kiosk, browser, ticket, watch)
  } finally {
    await browser.end()
  }
  if (kiosk.stop.aborted) return
  if (why !== null) kiosk.say(`postern: ${why}: starting ${kiosk.name} again`)
  const pauseMs = pace.next(performance.now() - startedMs)
  if (why === null) await rest(kiosk, browser, pauseMs, kiosk.stop)
  else await pause(pauseMs, kiosk.stop)
}

/** Why the browser is to be ended; null when it ended by itself, or the kiosk is stopped. */
async function watchBrowser(kiosk: Kiosk, browser: Screen, ticket: string, watch: Watch): Promise<string | null> {
  const { daemon, stop } = kiosk
  const startedMs = performance.now()
  const over = AbortSignal.any([browser.over, stop])
  for (;;) {
    // First the ticket: what the daemon says after it was spent is about its session.
    const isSpent = daemon.readTicket() !== ticket
    const knock = await daemon.knock()
    if (over.aborted) return null
    const wasLoggedIn = watch.isLoggedIn
    const why = watch.judge({ knock, isSpent, traces: daemon.look() }, performance.now())
    if (why !== null) return why
    if (watch.isLoggedIn && !wasLoggedIn) {
      browser.forgetLink()
      kiosk.say(`postern: ${kiosk.name} is logged in, after ${formatSeconds(performance.now() - startedMs)}`)
    }
    await pause(watch.isLoggedIn ? watchingPauseMs : waitingPauseMs, over)
  }
}

/** Says how a browser ended by itself, and waits before the next. */
async function rest(kiosk: Kiosk, browser: Screen, pauseMs: number, stop: AbortSignal): Promise<void> {
  const when = pauseMs === 0 ? 'starting it again' : `starting it again in ${pauseMs / 1000} s`
  kiosk.say(`postern: ${kiosk.name} ended (${browser.how}): ${when}`)
  // Who ends again and again has something to say.
  if (pauseMs > 0 && browser.lastWords !== '') kiosk.say(browser.lastWords)
  await pause(pauseMs, stop)
}

function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** Waits so long, or until `stop`. */
async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal: stop }).catch(() => {})
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
