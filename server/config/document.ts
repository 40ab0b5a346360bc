/** YAML text into a tree: strict YAML 1.2 without aliases, tags and repeated keys; nothing of the text is in a message but keys. */
import type { LineCounter, ParsedNode, YAMLError, YAMLMap, YAMLSeq } from 'yaml'
import { type Fault, faultAt, type Origin, type Path, printable } from './fault.ts'
import { type Entry, emptyMap, type Tree } from './tree.ts'

/**
 * A text that was read. Values at the paths in `refused` were dropped; `isWhole` is false when it is not even known what
 * else should be there: that something is missing then says nothing.
 */
export interface Document {
  tree: Tree
  faults: Fault[]
  refused: Path[]
  isWhole: boolean
}

const MAX_DEPTH = 16
const MAX_SYNTAX_FAULTS = 10

/** The parser's own messages quote the text, which may hold a secret: these stand in for them. */
const SYNTAX: Partial<Record<YAMLError['code'], string>> = {
  BAD_INDENT: 'wrong indentation, or a bracket that is not closed',
  TAB_AS_INDENT: 'a tab in the indentation, expected spaces',
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted text',
  BAD_SCALAR_START: 'a plain text cannot start with this character, expected quotes around it',
  BLOCK_AS_IMPLICIT_KEY: 'a nested map on one line, expected one `key: value` a line',
  MISSING_CHAR: 'a closing quote or bracket, a comma or a space is missing',
  MULTILINE_IMPLICIT_KEY: 'a key without its `:`, expected `key: value`',
  MULTIPLE_DOCS: 'expected one document, found a second one after `---`',
  NON_STRING_KEY: 'expected a plain name as key',
  RESOURCE_EXHAUSTION: 'nested too deep',
  TAG_RESOLVE_FAILED: 'tags (`!name`) are not supported',
  UNEXPECTED_TOKEN: 'expected `key: value`, a list item or a comment',
}

/**
 * Parses one YAML text. `source` names it in faults; an environment variable's value has no lines (`lines: false`).
 * Loads the YAML parser at the first call. Never throws on a bad text.
 */
export async function readDocument(text: string, source: string, lines = true): Promise<Document> {
  const yaml = await import('yaml')
  const counter = new yaml.LineCounter()
  const parsed = yaml.parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    stringKeys: true,
    // Repeated keys are found below, where their path is known.
    uniqueKeys: false,
    resolveKnownTags: false,
    merge: false,
    schema: 'core',
    version: '1.2',
  })
  const originAt = (offset: number) => (lines ? originOf(counter, source, offset) : { source })
  const errors = [...parsed.errors, ...parsed.warnings]
  if (errors.length > 0) {
    return { tree: emptyMap(originAt(0)), faults: syntaxFaults(errors, originAt), refused: [], isWhole: false }
  }
  const reader = new Reader(yaml, originAt)
  const tree = parsed.contents ? reader.read(parsed.contents, []) : reader.nothing(originAt(0))
  return { tree, faults: reader.faults, refused: reader.refused, isWhole: true }
}

function originOf(counter: LineCounter, source: string, offset: number): Origin {
  const { line, col } = counter.linePos(offset)
  return { source, line: Math.max(line, 1), column: Math.max(col, 1) }
}

function syntaxFaults(errors: YAMLError[], originAt: (offset: number) => Origin): Fault[] {
  const byLine = new Map<number | undefined, Fault>()
  for (const { code, pos } of errors) {
    const fault = faultAt(originAt(pos[0]), [], SYNTAX[code] ?? 'not valid YAML')
    // One slip makes the parser stumble several times on the same line.
    if (!byLine.has(fault.line) && byLine.size < MAX_SYNTAX_FAULTS) byLine.set(fault.line, fault)
  }
  return [...byLine.values()]
}

/** Walks the parser's nodes, collecting faults. */
class Reader {
  readonly faults: Fault[] = []
  readonly refused: Path[] = []
  readonly #yaml: typeof import('yaml')
  readonly #originAt: (offset: number) => Origin

  constructor(yaml: typeof import('yaml'), originAt: (offset: number) => Origin) {
    this.#yaml = yaml
    this.#originAt = originAt
  }

  nothing(origin: Origin): Tree {
    return { kind: 'scalar', value: null, origin }
  }

  read(node: ParsedNode, path: Path): Tree {
    const origin = this.#originAt(node.range[0])
    if (path.length > MAX_DEPTH) return this.#refuse(origin, path, 'nested too deep')
    if (this.#yaml.isMap(node)) return this.#readMap(node, origin, path)
    if (this.#yaml.isSeq(node)) return this.#readList(node, origin, path)
    if (this.#yaml.isAlias(node)) return this.#refuse(origin, path, 'aliases (`*name`) are not supported')
    const value = this.#yaml.isScalar(node) ? node.value : undefined
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return { kind: 'scalar', value, origin }
    }
    return this.#refuse(origin, path, 'expected text, a number, true, false, a list or a map')
  }

  #readList(list: YAMLSeq.Parsed, origin: Origin, path: Path): Tree {
    return { kind: 'list', items: list.items.map((item, at) => this.read(item, [...path, at])), origin }
  }

  #readMap(map: YAMLMap.Parsed, origin: Origin, path: Path): Tree {
    const entries = new Map<string, Entry>()
    for (const { key, value } of map.items) {
      const at = this.#originAt(key.range[0])
      const name = this.#yaml.isScalar(key) && typeof key.value === 'string' ? key.value : null
      const first = name === null ? undefined : entries.get(name)
      if (name === null || name === '__proto__') this.#refuse(at, path, 'expected a plain name as key')
      else if (first) this.#refuse(at, [...path, name], givenTwice(first.key))
      else entries.set(name, { key: at, value: value ? this.read(value, [...path, name]) : this.nothing(at) })
    }
    return { kind: 'map', entries, origin }
  }

  #refuse(origin: Origin, path: Path, message: string): Tree {
    this.faults.push(faultAt(origin, path, message))
    this.refused.push(path)
    return this.nothing(origin)
  }
}

function givenTwice({ source, line }: Origin): string {
  return line === undefined ? `given twice in ${printable(source)}` : `given twice, first in line ${line}`
}
