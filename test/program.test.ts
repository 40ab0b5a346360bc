/** Running a built program with V8's code for it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeFileOf, compileProgram, runProgram } from '../server/program.ts'

const test = suite<{ folder: string; file: string; text: string }>('program')

const maker = new URL('../scripts/make-code.ts', import.meta.url).pathname
const source = (word: string) => `exports.say = () => '${word}'; exports.where = [__dirname, __filename];\n`

test.before.each(context => {
  context.folder = mkdtempSync(join(tmpdir(), 'postern-program-'))
  context.file = join(context.folder, 'thing.cjs')
  context.text = join(context.folder, 'bundle/thing.cjs')
  mkdirSync(join(context.folder, 'bundle'))
  writeFileSync(context.text, source('one'))
  execFileSync(process.execPath, [maker, context.file], { stdio: 'pipe' })
})

test.after.each(({ folder }) => rmSync(folder, { recursive: true }))

const say = (file: string) => (runProgram(file) as { say: () => string }).say()

test('a program runs as the module that its command is, with the code that was kept', ({ folder, file }) => {
  assert.is(compileProgram(file).cachedDataRejected, false)
  assert.equal((runProgram(file) as { where: string[] }).where, [folder, file])
  assert.is(say(file), 'one')
})

test('a program whose code is not there runs all the same', ({ file }) => {
  rmSync(codeFileOf(file))
  assert.is(say(file), 'one')
})

test('code that V8 did not make for this text is passed over', ({ file }) => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('rubbish'), readFileSync(codeFileOf(file)).subarray(0, 64)]) {
    writeFileSync(codeFileOf(file), bytes)
    assert.is(say(file), 'one')
  }
})

test('a text that was written after the code is what runs, of the same length too', ({ file, text }) => {
  const made = statSync(codeFileOf(file)).mtime
  writeFileSync(text, source('two'))
  utimesSync(text, made, new Date(made.getTime() + 1000))
  assert.is(say(file), 'two')
})

test('the built programs have code that this Node.js takes', () => {
  for (const name of ['posternd', 'postern-gate', 'postern', 'pam-child']) {
    const file = new URL(`../dist/${name}.cjs`, import.meta.url).pathname
    assert.is(compileProgram(file).cachedDataRejected, false, name)
  }
})

test.run()
