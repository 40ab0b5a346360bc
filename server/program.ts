/**
 * Runs a built program with the code that V8 made of it when it was built: that takes a quarter off a start.
 * The code lies beside the program, whose owner alone can write it: it is trusted exactly as the program is. What V8 keeps
 * by itself would lie in /tmp, which others can fill (module.enableCompileCache), so that is never turned on.
 */
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { constants, Script } from 'node:vm'

type Program = (exports: object, require: NodeJS.Require, module: object, file: string, directory: string) => void

/** The names that a CommonJS module finds around it. */
const names = ['exports', 'require', 'module', '__filename', '__dirname']

/** The files of the program whose command is `file`: its text, and V8's code for it. */
function partsOf(file: string): { text: string; code: string } {
  const bundle = join(dirname(file), 'bundle', basename(file, '.cjs'))
  return { text: `${bundle}.cjs`, code: `${bundle}.v8` }
}

/** Where V8's code for the program `file` belongs. */
export function codeFileOf(file: string): string {
  return partsOf(file).code
}

/** Null when there is none, or the text was written after it: V8 compares no more than lengths. */
function findCode({ text, code }: { text: string; code: string }): Buffer | null {
  const made = statSync(code, { throwIfNoEntry: false })
  return made !== undefined && made.mtimeMs >= statSync(text).mtimeMs ? readFileSync(code) : null
}

/** Compiles the program `file`. V8 passes over code that another Node.js made, and compiles the text. */
export function compileProgram(file: string): Script {
  const parts = partsOf(file)
  const text = `(function (${names.join(', ')}) { ${readFileSync(parts.text, 'utf8')}\n})`
  const cachedData = findCode(parts)
  return new Script(text, {
    filename: parts.text,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData !== null && { cachedData }),
  })
}

/** Runs a compiled program as the CommonJS module `file`; what it exports. */
export function runCompiled(script: Script, file: string): unknown {
  const module = { exports: {} }
  const program = script.runInThisContext() as Program
  program(module.exports, createRequire(file), module, file, dirname(file))
  return module.exports
}

/** Runs the program whose command is `file`; what it exports. */
export function runProgram(file: string): unknown {
  return runCompiled(compileProgram(file), file)
}
