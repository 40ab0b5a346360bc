/** What shells offer at Tab. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const program = join(import.meta.dirname, '../../dist/postern.cjs')
const test = suite('cli/completion')

const script = (shell: string) =>
  spawnSync(process.execPath, [program, 'completion', shell], { encoding: 'utf8', timeout: 10_000 }).stdout

const bash = script('bash')

/** What bash offers for the last of the words. */
function complete(words: readonly string[]): string[] {
  const list = words.map(word => `'${word}'`).join(' ')
  const typed = `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _postern; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', `${bash}\n${typed}`], { encoding: 'utf8' })
  assert.is(stderr, '')
  return stdout.trim().split('\n')
}

const cases: [string[], string[]][] = [
  [['postern', 'sta'], ['status']],
  [['postern', '--run'], ['--runtime']],
  [
    ['postern', '--json', 'log'],
    ['login', 'logout'],
  ],
  [
    ['postern', 'sessions', 'revoke'],
    ['revoke', 'revoke-all'],
  ],
  [['postern', '--runtime', '/x', 'throttle', 'cl'], ['clear']],
  [['postern', 'throttle', 'clear', '--so'], ['--source']],
  [
    ['postern', 'call', 'session.r'],
    ['session.resolve', 'session.revoke', 'session.revoke_all'],
  ],
  [['postern', 'call', 'session.list', 'ev'], ['everyone=']],
  [['postern', 'completion', 'f'], ['fish']],
  [['postern', 'nonsense', 'x'], ['']],
]
for (const [words, expect] of cases)
  test(`bash offers ${expect.join(' ') || 'nothing'} for ${words.slice(1).join(' ')}`, () =>
    assert.equal(complete(words), expect))

for (const shell of ['bash', 'zsh', 'fish']) {
  test(`${shell}'s script knows every operation`, () => {
    const text = script(shell)
    for (const word of ['session.revoke_all', 'throttle', 'everyone=', '--runtime'])
      assert.ok(text.includes(word), word)
  })
}

test.run()
