/** The life of a kiosk, with a daemon and a browser that do as the test says. */
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { KioskStatus, Knock } from '../../../cli/kiosk/daemon.ts'
import { type Kiosk, runKiosk, type Screen } from '../../../cli/kiosk/loop.ts'

const waitingPage = 'file:///usr/lib/postern/kiosk/waiting.html'

/** A browser on a screen: ends when it is told to. */
class FakeScreen implements Screen {
  readonly url: string
  readonly #over = new AbortController()
  readonly over = this.#over.signal
  readonly how = 'exit status 1'
  readonly lastWords = 'cannot open display'
  isForgotten = false
  isEnded = false

  constructor(url: string) {
    this.url = url
  }

  forgetLink(): void {
    this.isForgotten = true
  }

  async end(): Promise<void> {
    this.isEnded = true
  }

  /** Ends by itself. */
  die(): void {
    this.#over.abort()
  }
}

/** A kiosk at work, and the levers of its daemon. */
class Scene {
  status: KioskStatus | null
  ticket = 't1'
  run = '1'
  readonly screens: FakeScreen[] = []
  readonly said: string[] = []
  readonly #stop = new AbortController()
  readonly #run: Promise<void>

  constructor(status: KioskStatus | null) {
    this.status = status
    const knock = async (): Promise<Knock> =>
      this.status === null ? { kind: 'refused', why: 'nobody there' } : { kind: 'status', status: this.status }
    const kiosk: Kiosk = {
      daemon: {
        knock,
        readTicket: () => this.ticket,
        look: () => ({ ticket: this.ticket, run: this.run, sockets: [] }),
        linkOf: (ticket, next) => `link:${ticket}${next}`,
      },
      name: 'firefox',
      next: '/board',
      open: url => this.#open(url),
      waitingPage,
      say: text => this.said.push(text),
      stop: this.#stop.signal,
    }
    this.#run = runKiosk(kiosk)
  }

  #open(url: string): FakeScreen {
    const screen = new FakeScreen(url)
    this.screens.push(screen)
    return screen
  }

  /** The browser opens its link: the ticket is spent and another lies ready. */
  logIn(ticket: string): void {
    this.ticket = ticket
    this.status = { user: 'kiosk', ticket: true, session: 'active', waiting: false }
  }

  async screen(index: number): Promise<FakeScreen> {
    await this.until(() => this.screens.length > index)
    return this.screens[index] as FakeScreen
  }

  async until(isSo: () => boolean): Promise<void> {
    for (let left = 500; !isSo(); left--) {
      if (left === 0) throw new Error(`not within 5 s: ${isSo}\n${this.said.join('\n')}`)
      await wait(10)
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#run
  }
}

const fresh: KioskStatus = { user: 'kiosk', ticket: true, session: 'none', waiting: false }

const test = suite('cli/kiosk/loop')

test('shows at once the page that the ticket leads to, and forgets the link when it is spent', async () => {
  const scene = new Scene(fresh)
  const screen = await scene.screen(0)
  assert.is(screen.url, 'link:t1/board')
  scene.logIn('t2')
  await scene.until(() => screen.isForgotten)
  await scene.stop()
  assert.is(screen.isEnded, true)
  assert.is(scene.screens.length, 1)
})

test('shows the waiting page until the daemon is there, and says why', async () => {
  const scene = new Scene(null)
  const waiting = await scene.screen(0)
  assert.is(waiting.url, waitingPage)
  assert.match(scene.said[0] ?? '', /waiting: nobody there/)
  scene.status = fresh
  const page = await scene.screen(1)
  assert.is(waiting.isEnded, true)
  assert.is(page.url, 'link:t1/board')
  await scene.stop()
})

test('shows the waiting page again when it was closed', async () => {
  const scene = new Scene(null)
  const first = await scene.screen(0)
  first.die()
  const second = await scene.screen(1)
  assert.is(second.url, waitingPage)
  assert.is(first.isEnded, true)
  await scene.stop()
  assert.is(second.isEnded, true)
})

test('waits while the daemon has no ticket', async () => {
  const scene = new Scene({ ...fresh, ticket: false })
  assert.is((await scene.screen(0)).url, waitingPage)
  await scene.stop()
})

test('starts a browser that ended again with the next ticket', async () => {
  const scene = new Scene(fresh)
  const first = await scene.screen(0)
  scene.logIn('t2')
  first.die()
  const second = await scene.screen(1)
  assert.is(second.url, 'link:t2/board')
  assert.is(first.isEnded, true)
  assert.match(scene.said.at(-1) ?? '', /firefox ended \(exit status 1\): starting it again$/)
  await scene.stop()
})

test('takes no ticket that a restart of the daemon replaced for a spent one: the link is kept until then', async () => {
  const scene = new Scene({ ...fresh, session: 'active' })
  const first = await scene.screen(0)
  scene.ticket = 't2'
  scene.run = '2'
  assert.is((await scene.screen(1)).url, 'link:t2/board')
  assert.equal([first.isForgotten, first.isEnded], [false, true])
  await scene.stop()
})

test('logs in again when the session has ended', async () => {
  const scene = new Scene(fresh)
  const first = await scene.screen(0)
  scene.logIn('t2')
  await scene.until(() => first.isForgotten)
  scene.status = { ...fresh, session: 'ended' }
  assert.is((await scene.screen(1)).url, 'link:t2/board')
  assert.is(first.isEnded, true)
  await scene.stop()
})

test('logs in again when somebody else took the next ticket', async () => {
  const scene = new Scene(fresh)
  const first = await scene.screen(0)
  scene.logIn('t2')
  await scene.until(() => first.isForgotten)
  await wait(1100)
  scene.logIn('t3')
  assert.is((await scene.screen(1)).url, 'link:t3/board')
  await scene.stop()
})

test('waits longer before a browser that ends again and again, and tells its last words', async () => {
  const scene = new Scene(fresh)
  ;(await scene.screen(0)).die()
  ;(await scene.screen(1)).die()
  await scene.until(() => scene.said.some(text => text.includes('in 1 s')))
  assert.is(scene.said.at(-1), 'cannot open display')
  await scene.stop()
})

test('ends at once, also in the middle of a pause', async () => {
  const scene = new Scene(null)
  ;(await scene.screen(0)).die()
  ;(await scene.screen(1)).die()
  await scene.until(() => scene.said.some(text => text.includes('in 1 s')))
  const startedMs = performance.now()
  await scene.stop()
  assert.ok(performance.now() - startedMs < 300)
  assert.ok(scene.screens.every(screen => screen.isEnded))
})

test.run()
