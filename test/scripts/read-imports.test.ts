/** The reader of imports sees every form there is, and nothing that only looks like one. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readImports } from '../../scripts/read-imports.ts'

const test = suite('scripts/read-imports')

const cases: { name: string; given: string; expect: [string | null, number, boolean][] }[] = [
  { name: 'a named import', given: `import { a } from './a.ts'`, expect: [['./a.ts', 1, false]] },
  { name: 'an import of types', given: `import type { a } from './a.ts'`, expect: [['./a.ts', 1, true]] },
  // verbatimModuleSyntax keeps it as an import of nothing: the module is loaded.
  { name: 'an import whose names are types', given: `import { type a } from './a.ts'`, expect: [['./a.ts', 1, false]] },
  { name: 'a namespace', given: `import * as z from "zod"`, expect: [['zod', 1, false]] },
  { name: 'default and named', given: `import a, { b as c } from 'a'`, expect: [['a', 1, false]] },
  { name: 'an import for its effects', given: `import './a.ts'`, expect: [['./a.ts', 1, false]] },
  { name: 'an import over lines', given: `import {\n  a,\n  b,\n} from './a.ts'`, expect: [['./a.ts', 1, false]] },
  { name: 'a re-export', given: `\nexport { a } from './a.ts'`, expect: [['./a.ts', 2, false]] },
  { name: 'a re-export of all', given: `export * as a from './a.ts'`, expect: [['./a.ts', 1, false]] },
  { name: 'a re-export of types', given: `export type { a } from './a.ts'`, expect: [['./a.ts', 1, true]] },
  { name: 'a dynamic import', given: `const a = await import('./a.ts')`, expect: [['./a.ts', 1, false]] },
  { name: 'a type by import()', given: `let a: typeof import('yaml')`, expect: [['yaml', 1, true]] },
  { name: 'require', given: `const a = require('a')`, expect: [['a', 1, false]] },
  { name: 'a computed import', given: `await import('./' + name)`, expect: [[null, 1, false]] },
  { name: 'a templated import', given: 'await import(`./a.ts`)', expect: [[null, 1, false]] },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a template's source
  { name: 'an import within a template', given: '`a ${await import("./a.ts")} b`', expect: [['./a.ts', 1, false]] },
  {
    name: 'an import of types before one of values',
    given: `export type { A }\nimport { b } from './b.ts'`,
    expect: [['./b.ts', 2, false]],
  },
  { name: 'after a quote in a regular expression', given: `a = /['"\`]/\nimport 'b'`, expect: [['b', 2, false]] },
  { name: 'after a division', given: `a = b / c\nimport 'b' // /`, expect: [['b', 2, false]] },
  { name: 'none in a line comment', given: `// import a from 'a'`, expect: [] },
  { name: 'none in a block comment', given: `/* import a from 'a' */`, expect: [] },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a template's source
  { name: 'none in a template', given: '`\nimport a from "a"\n${1}import "b"`', expect: [] },
  { name: 'none in a string', given: `a = "import b from 'b'"`, expect: [] },
  { name: 'none in a method of that name', given: `a.import('b')`, expect: [] },
]

for (const { name, given, expect } of cases)
  test(`reads ${name}`, () => {
    const found = readImports(given).map(({ specifier, line, isType }) => [specifier, line, isType])
    assert.equal(found, expect)
  })

test.run()
