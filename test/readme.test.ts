/** The README says what is true: its links lead somewhere, its tables are whole. */
import { existsSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeKeys } from '../server/config/outline.ts'

const root = new URL('..', import.meta.url).pathname
const readme = readFileSync(`${root}README.md`, 'utf8')

const test = suite('readme')

test('every link to a file leads to one', () => {
  const targets = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target = '']) => target)
  assert.ok(targets.length > 20)
  assert.equal(
    targets.filter(target => !existsSync(root + target)),
    [],
  )
})

test('every file that is named is there', () => {
  const named = [...readme.matchAll(/`((?:server|cli|scripts|test|systemd)\/[\w./-]+)`/g)].map(([, path = '']) => path)
  assert.equal(
    named.filter(path => !existsSync(root + path)),
    [],
  )
})

test('every key of the configuration is in the table, and no other', () => {
  const keys = describeKeys().map(({ key }) => key)
  const leaves = keys.filter(
    key => key === 'listen' || !keys.some(other => /^[.[]/.test(other.slice(key.length)) && other.startsWith(key)),
  )
  const rows = [...readme.matchAll(/^\| `([^`]+)` \|[^|]*\| .*\|$/gm)].map(([, key = '']) => key)
  const told = rows.filter(row => !row.includes('/') && !row.includes(' ') && row !== 'login')
  assert.equal(told.filter(row => keys.includes(row)).sort(), leaves.sort())
})

test('every package that the programs need has its line', () => {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Record<
    string,
    object
  >
  const names = Object.keys({ ...dependencies, ...optionalDependencies }).filter(name => !name.startsWith('@biomejs/'))
  for (const name of names)
    assert.match(readme, new RegExp(`^\\|[^|]*\\b${name.replace(/^@/, '')}\\b[^|]*\\|`, 'm'), name)
})

test.run()
