/** What is wrong with a configuration, and where. */

/** The way to a value: names of keys and positions in lists. */
export type Path = readonly (string | number)[]

/** Where a value was written: a file, `environment NAME`, `credential NAME` or `default`; lines and columns count from 1. */
export interface Origin {
  source: string
  line?: number
  column?: number
}

/** One fault. `file` is an `Origin`'s source, `path` is empty when the fault is the file's own. */
export interface Fault {
  file: string
  line?: number
  column?: number
  path: string
  message: string
  hint?: string
}

/** Puts a fault together; texts that came from outside must be passed through `printable` before. */
export function faultAt(origin: Origin, path: Path, message: string, hint?: string): Fault {
  const { source, ...position } = origin
  return { file: source, ...position, path: pathText(path), message, ...(hint === undefined ? {} : { hint }) }
}

/** Whether two faults are about the same value at the same place. */
export function samePlace(one: Fault, other: Fault): boolean {
  return one.file === other.file && one.path === other.path && one.line === other.line && one.column === other.column
}

/** `['listen', 1, 'port']` → `listen[1].port`, safe to print. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? printable(part) : `${text}.${printable(part)}`
  }, '')
}

/** An origin as `file:line`, or the source alone where there are no lines. */
export function originText({ source, line }: Origin): string {
  return line === undefined ? printable(source, 4096) : `${printable(source, 4096)}:${line}`
}

/** One line `file:line:column: path: message` a fault, in the order of files and lines, hints on lines of their own. */
export function formatFaults(faults: readonly Fault[]): string {
  return faults.map(formatFault).join('\n')
}

function formatFault({ file, line, column, path, message, hint }: Fault): string {
  const place = [printable(file, 4096), line, column].filter(part => part !== undefined).join(':')
  const text = [place, path, message].filter(part => part !== '').join(': ')
  return hint === undefined ? text : `${text}\n  hint: ${hint}`
}

/** Escapes what could steer a terminal or hide text (control, format and separator characters), and cuts at `max` characters. */
export function printable(text: string, max = 80): string {
  const short = text.length > max ? `${text.slice(0, max)}…` : text
  return short.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, character => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}
