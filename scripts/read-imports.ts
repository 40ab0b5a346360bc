/** Reads which modules a TypeScript source imports, types included, without a parser: bundlers drop types, and the compiler has no API. */

/** One import or re-export. `specifier` is null where the path is computed. */
export interface Import {
  readonly specifier: string | null
  readonly line: number
  /** Erased before it runs: `import type`, `export type … from`, `typeof import()`. */
  readonly isType: boolean
  /** What stands between `import` and `from`. */
  readonly clause: string
}

/** Everything that could look like an import and is none, or hide one: comments, strings, templates, regular expressions. */
const opaque =
  /\/\/.*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|(?<=(?:[(,=:[!&|?{};+~^<>*%-]|=>|\breturn|^)\s*)\/(?![/*])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*|[`{}]/gm

/** Makes one pass over the code: strings become `'number'`, templates keep the code inside `${}`, and every newline stays. */
function simplify(source: string): { code: string; strings: string[] } {
  const strings: string[] = []
  const open: ('template' | 'brace')[] = []
  let code = ''
  let position = 0
  const keepLines = (text: string) => text.replace(/[^\n]+/g, ' ')
  const skipTemplate = () => {
    const end = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y
    end.lastIndex = position
    const [text = ''] = end.exec(source) ?? []
    code += keepLines(text)
    position += text.length
    if (source.startsWith('${', position)) {
      open.push('template')
      code += '('
      position += 2
    } else position += 1
  }
  for (;;) {
    opaque.lastIndex = position
    const match = opaque.exec(source)
    if (match === null) return { code: code + source.slice(position), strings }
    const [token] = match
    code += source.slice(position, match.index)
    position = match.index + token.length
    if (token === '`') skipTemplate()
    else if (token === '{') {
      open.push('brace')
      code += token
    } else if (token === '}') {
      const closesHole = open.pop() === 'template'
      code += closesHole ? ')' : token
      if (closesHole) skipTemplate()
    } else if (/^['"]/.test(token)) code += `'${strings.push(token.slice(1, -1)) - 1}'`
    else code += keepLines(token)
  }
}

const statement =
  /(?<![.\w$])(?:import|export)\s+(type\s+)?((?:(?!\b(?:import|export)\b)[\w$*{},\s])*?)\bfrom\s*'(\d+)'/g
const bare = /(?<![.\w$])import\s*'(\d+)'/g
const call = /(\btypeof\s+)?(?<![.\w$])(?:import|require)\s*\(\s*(?:'(\d+)'\s*(,|\)))?/g

/** Every import in `source`, in no particular order. */
export function readImports(source: string): Import[] {
  const { code, strings } = simplify(source)
  const lineAt = (index: number) => code.slice(0, index).split('\n').length
  const found = (
    { index }: { index: number },
    string: string | undefined,
    isType: boolean,
    clause: string,
  ): Import => ({
    specifier: string === undefined ? null : (strings[Number(string)] ?? null),
    line: lineAt(index),
    isType,
    clause: clause.trim(),
  })
  return [
    ...[...code.matchAll(statement)].map(match => found(match, match[3], match[1] !== undefined, match[2] ?? '')),
    ...[...code.matchAll(bare)].map(match => found(match, match[1], false, '')),
    ...[...code.matchAll(call)].map(match => found(match, match[2], match[1] !== undefined, '* as')),
  ]
}
