/**
 * Runs a built program once and keeps the code that V8 made of it, functions that ran included.
 *   make-code.ts FILE [ARGUMENT...]    FILE: dist/posternd.cjs and so on
 */
import { rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { codeFileOf, compileProgram, runCompiled } from '../server/program.ts'

const [node = '', , name = '', ...args] = process.argv
const file = resolve(name)
rmSync(codeFileOf(file), { force: true })
const script = compileProgram(file)
process.on('exit', () => writeFileSync(codeFileOf(file), script.createCachedData()))
process.argv = [node, file, ...args]
runCompiled(script, file)
