import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatFaults } from '../../server/config/fault.ts'
import { loadConfig } from '../../server/config/load.ts'
import { redactedConfig } from '../../server/config/show.ts'
import { createDirectory } from './directory.ts'

const test = suite('config/fuzz')

const SECRET = 'correct-horse-battery-staple-0123456789'
const SOUND = `paths: { runtime: /run/p, gate_runtime: /run/pg }
listen:
  - { unix: http.sock }
  - { address: 127.0.0.1, port: 7640 }
  - { address: '::1', port: 7640, tls: false }
remote: false
hosts: [box.example]
trusted_proxies: [10.0.0.0/8, unix]
dialects: [agama, lumo]
pam: { service: postern, backend: conversation, children: 10 }
login: { allow: { users: [root], groups: [sudo] }, failure_delay_seconds: 1.5 }
roles:
  admin: { users: [root] }
  installer: { groups: [staff], permissions: [job.*] }
kiosk: { user: kiosk, role: viewer }
token: { algorithm: HS256, access_seconds: 3600 }
jwt_secret: ${SECRET}
session: { cookie_seconds: 86400 }
throttle: { free_failures: 3 }
`
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ': ',
  '- ',
  '\n',
  '  ',
  '\t',
  '"',
  "'",
  '|',
  '>',
  '&a ',
  '*a',
  '!!str ',
  '!x ',
  '? ',
  '# ',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  'null',
  '-1',
  '1e999',
  '.nan',
  '0x1F',
  'true',
  '\u0000',
  '\u001b',
  '\u202e',
  'é',
  '\u{1F600}',
  '__proto__',
  'constructor',
  '<<',
  ',',
  '9'.repeat(400),
]

/** Numbers from a fixed seed (a linear congruential generator): a failure can be repeated. */
function createNumbers(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function mutate(text: string, below: (n: number) => number): string {
  let mutant = text
  for (let times = 1 + below(4); times > 0; times--) {
    const [from, to] = [below(mutant.length + 1), below(mutant.length + 1)].sort((a, b) => a - b)
    const piece = PIECES[below(PIECES.length)] ?? ''
    const lines = mutant.split('\n')
    const line = lines[below(lines.length)] ?? ''
    const kinds = [
      () => mutant.slice(0, from) + piece + mutant.slice(from),
      () => mutant.slice(0, from) + mutant.slice(Math.min(to ?? 0, (from ?? 0) + 8)),
      () => mutant.replace(line, piece),
      () => `${mutant}${line}\n`,
      () => mutant.replace(/\b\w+\b/g, word => (below(40) === 0 ? piece : word)),
    ]
    mutant = kinds[below(kinds.length)]?.() ?? mutant
  }
  return mutant
}

test('500 mutated documents are loaded or refused: none throws, hangs or shows the secret', async () => {
  const directory = createDirectory()
  const below = createNumbers(20240229)
  let refused = 0
  try {
    for (let n = 0; n < 500; n++) {
      const text = mutate(SOUND, below)
      const outcome = await loadConfig({ file: directory.write('server.yml', text), env: {}, uid: 0 })
      if (outcome.ok) {
        assert.not.match(JSON.stringify(redactedConfig(outcome)), SECRET, text)
        continue
      }
      refused++
      assert.ok(
        outcome.faults.length > 0 && outcome.faults.every(fault => fault.message !== '' && fault.line !== 0),
        text,
      )
      const printed = formatFaults(outcome.faults)
      // What stands at the secret's own key is never quoted, nor is a part of it.
      if (/^jwt_secret: correct-horse/m.test(text)) assert.not.match(printed, 'horse', text)
      assert.not.match(printed, /[^\P{Cc}\n]/u, text)
    }
  } finally {
    directory.remove()
  }
  assert.ok(refused > 250 && refused < 500, `${refused} refused`)
})

test('every part of the document cut off at any byte is loaded or refused', async () => {
  const directory = createDirectory()
  try {
    for (let length = 0; length < SOUND.length; length += 9) {
      const file = directory.write('server.yml', Buffer.from(SOUND).subarray(0, length))
      const outcome = await loadConfig({ file, env: {}, uid: 0 })
      assert.ok(outcome.ok || outcome.faults.length > 0)
    }
    assert.ok((await loadConfig({ file: directory.write('server.yml', SOUND), env: {}, uid: 0 })).ok)
  } finally {
    directory.remove()
  }
})

test.run()
