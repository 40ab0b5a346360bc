/** When the kiosk ends its browser, and how long it waits for the next: rules without a browser. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Knock } from '../../../cli/kiosk/daemon.ts'
import { Pace } from '../../../cli/kiosk/pace.ts'
import { Watch } from '../../../cli/kiosk/watch.ts'

const test = suite('cli/kiosk/watch')

type Session = 'none' | 'active' | 'ended'

const says = (session: Session, waiting = false): Knock => ({
  kind: 'status',
  status: { user: 'kiosk', ticket: true, session, waiting },
})
const refused: Knock = { kind: 'refused', why: 'nobody listens' }
const silent: Knock = { kind: 'silent', why: 'no answer' }

/** An instant in milliseconds, what was heard, whether the ticket is another, the run of the daemon, and its sockets. */
type Row = readonly [number, Knock, boolean, string?, string[]?]

const atFirst = { ticket: 't1', run: '1', sockets: ['7'] }
const started = { wasWaiting: false, traces: atFirst, nowMs: 0 }

/** Gives what the last look came to. */
function judge(looks: readonly Row[], wasWaiting = false): string | null {
  const watch = new Watch({ ...started, wasWaiting })
  let why: string | null = null
  for (const [nowMs, knock, isSpent, run = '1', sockets = ['7']] of looks) {
    if (why !== null) throw new Error('looked at after its end')
    why = watch.judge({ knock, isSpent, traces: { ticket: isSpent ? 't2' : 't1', run, sockets } }, nowMs)
  }
  return why
}

const cases: { name: string; looks: Row[]; was?: boolean; expect: RegExp | null }[] = [
  { name: 'leaves a browser alone whose session lives', looks: [[3000, says('active'), true]], expect: null },
  { name: 'ends it when its session has ended', looks: [[3000, says('ended'), true]], expect: /session has ended/ },
  {
    name: 'ends it when its session ended while the daemon was away',
    looks: [
      [3000, says('active'), true],
      [4000, refused, true],
      [5000, says('none'), true],
    ],
    expect: /session has ended/,
  },
  { name: 'ends it when it was asked to log in', looks: [[3000, says('active', true), true]], expect: /log in again/ },
  { name: 'is not misled by the end of the session before', looks: [[500, says('ended'), false]], expect: null },
  {
    name: 'is not misled by what the browser before was shown',
    looks: [[500, says('ended', true), false]],
    was: true,
    expect: null,
  },
  {
    name: 'ends it when its link was no good',
    looks: [[500, says('none', true), false]],
    expect: /log in again/,
  },
  {
    name: 'ends it when somebody else took its ticket and it was asked to log in',
    looks: [
      [500, says('active'), true],
      [1500, says('active', true), true],
    ],
    was: true,
    expect: /log in again/,
  },
  {
    name: 'gives a slow machine time for its first page',
    looks: [[59_000, says('none'), false]],
    expect: null,
  },
  { name: 'ends it when it never opens the link', looks: [[60_000, says('none'), false]], expect: /within 60 s/ },
  { name: 'ends it when nothing comes of a spent link', looks: [[60_000, says('none'), true]], expect: /within 60 s/ },
  {
    name: 'ends it when a restart of the daemon replaced its ticket',
    looks: [
      [500, refused, false],
      [1500, says('none'), true, '2'],
    ],
    expect: /started anew before the login/,
  },
  {
    name: 'takes no session of the browser before for its own when a restart of the daemon replaced its ticket',
    looks: [
      [500, says('active'), false],
      [1500, says('active'), true, '2'],
    ],
    expect: /started anew before the login/,
  },
  {
    name: 'leaves it alone over a short restart of the daemon',
    looks: [
      [3000, says('active'), true],
      [4000, refused, true],
      [5900, refused, true],
      [6100, says('active'), true, '2'],
      [7000, refused, true, '2'],
    ],
    expect: null,
  },
  {
    name: 'ends it after a restart in which connections were refused, however short: what it asked for meanwhile is an error page',
    looks: [
      [3000, says('active'), true],
      [4000, says('active'), true, '2', ['8']],
    ],
    expect: /refused connections for a while/,
  },
  {
    name: 'leaves it alone while one gate after the other comes back',
    looks: [
      [3000, says('active'), true, '1', ['7', '8']],
      [4000, says('active'), true, '1', ['8']],
      [5000, says('active'), true, '1', []],
      [6000, says('active'), true, '1', ['8', '9']],
      [7000, says('active'), true, '1', ['9']],
    ],
    expect: null,
  },
  {
    name: 'ends it when nobody has listened for 2 s',
    looks: [
      [3000, says('active'), true],
      [4000, refused, true],
      [6000, refused, true],
    ],
    expect: /not there: nobody listens/,
  },
  {
    name: 'waits for an answer that takes long',
    looks: [
      [3000, says('active'), true],
      [6000, silent, true],
      [12_900, silent, true],
    ],
    expect: null,
  },
  {
    name: 'ends it when no answer came for 10 s',
    looks: [
      [3000, says('active'), true],
      [9000, silent, true],
      [13_000, silent, true],
    ],
    expect: /not there: no answer/,
  },
]
for (const { name, looks, was, expect } of cases)
  test(name, () => {
    const why = judge(looks, was)
    if (expect === null) assert.is(why, null)
    else assert.match(why ?? '', expect)
  })

test('tells a ticket that somebody took from one that a new run of the daemon replaced', () => {
  const watch = new Watch(started)
  const look = (ticket: string | null, run: string) =>
    watch.judge({ knock: says('active'), isSpent: true, traces: { ...atFirst, ticket, run } }, 1000)
  assert.equal(
    [look('t2', '1'), look(null, '1'), look('t2', '1'), look('t3', '2'), look('t3', '2')],
    Array(5).fill(null),
  )
  assert.match(look('t4', '2') ?? '', /took the next ticket/)
})

test('knows a browser as logged in once its own ticket is spent and the session lives', () => {
  const watch = new Watch(started)
  const traces = { ...atFirst, ticket: 't2' }
  watch.judge({ knock: says('active'), isSpent: false, traces }, 500)
  assert.is(watch.isLoggedIn, false)
  watch.judge({ knock: says('active'), isSpent: true, traces }, 1000)
  assert.is(watch.isLoggedIn, true)
})

test('starts the next browser at once, and waits longer only while one after the other ends quickly', () => {
  const pace = new Pace()
  assert.equal(
    [500, 500, 500, 500, 500, 500].map(livedMs => pace.next(livedMs)),
    [0, 1000, 2000, 5000, 10_000, 10_000],
  )
  assert.is(pace.next(20_000), 0)
  assert.is(pace.next(500), 1000)
})

test.run()
