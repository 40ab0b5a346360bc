/** A parser that is stricter than browsers: it throws at everything that they would repair. */
import * as assert from 'uvu/assert'

export interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: (Element | string)[]
  readonly parent: Element | null
}

const voids = new Set(['meta', 'link', 'input', 'img', 'br', 'hr'])
const phrasing = new Set('a bdi button code img input label span strong summary time'.split(' '))
const phrasingOnly = new Set('p h1 h2 label button span code pre bdi a strong summary time title'.split(' '))
const onlyChildren: Record<string, RegExp> = {
  html: /^(?:head|body)$/,
  ul: /^li$/,
  table: /^(?:thead|tbody)$/,
  thead: /^tr$/,
  tbody: /^tr$/,
  tr: /^(?:th|td)$/,
  dl: /^div$/,
}
const onlyIn: Record<string, RegExp> = {
  li: /^ul$/,
  tr: /^t(?:head|body)$/,
  td: /^tr$/,
  th: /^tr$/,
  dt: /^div$/,
  dd: /^div$/,
}

const entities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
  '#34': '"',
  '#38': '&',
  '#60': '<',
  '#62': '>',
}

function decode(text: string): string {
  assert.not.match(text, /&(?![a-z0-9#]+;)/, `a bare ampersand in ${text}`)
  return text.replace(/&([a-z0-9#]+);/g, (whole, name: string) => entities[name] ?? whole)
}

function parseAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>()
  const rest = text.replace(/\s+([a-z-]+)(?:="([^"<>]*)")?/g, (_, name: string, value = '') => {
    assert.not.ok(attributes.has(name), `${name} twice in ${text}`)
    attributes.set(name, decode(value))
    return ''
  })
  assert.is(rest, '', `attributes ${text}`)
  return attributes
}

function checkNesting(name: string, parent: Element): void {
  const allowed = onlyChildren[parent.name]
  if (allowed !== undefined) assert.match(name, allowed, `${name} in ${parent.name}`)
  const home = onlyIn[name]
  if (home !== undefined) assert.match(parent.name, home, `${name} in ${parent.name}`)
  if (phrasingOnly.has(parent.name)) assert.ok(phrasing.has(name), `${name} in ${parent.name}`)
  for (let above: Element | null = parent; above !== null; above = above.parent) {
    if (name === 'form') assert.is.not(above.name, 'form', 'a form in a form')
    if (/^(?:a|button|input|label|form)$/.test(name))
      assert.not.match(above.name, /^(?:a|button)$/, `${name} in ${above.name}`)
  }
}

/** The tree of a page; throws at the first fault. */
export function parseHtml(page: string): Element {
  const top: Element = { name: '#document', attributes: new Map(), children: [], parent: null }
  let at = top
  const start = '<!doctype html>\n'
  assert.ok(page.startsWith(start))
  for (const [, close, name = '', attributes = '', text] of page
    .slice(start.length)
    .matchAll(/<(\/?)([a-z][a-z0-9]*)([^<>]*)>|([^<>]+|[<>])/g)) {
    if (text !== undefined) {
      assert.not.match(text, /^[<>]$/, 'a bare angle bracket')
      at.children.push(decode(text))
    } else if (close === '/') {
      assert.is(at.name, name, `</${name}> closes ${at.name}`)
      at = at.parent ?? top
    } else {
      if (at !== top) checkNesting(name, at)
      const element: Element = { name, attributes: parseAttributes(attributes), children: [], parent: at }
      at.children.push(element)
      if (!voids.has(name)) at = element
    }
  }
  assert.is(at, top, `${at.name} stays open`)
  return top
}

/** The element and all within it, in order. */
export function elementsIn(element: Element): Element[] {
  return [element, ...element.children.flatMap(child => (typeof child === 'string' ? [] : elementsIn(child)))]
}

/** Those of that name, in order. */
export function findAll(page: Element, name: string): Element[] {
  return elementsIn(page).filter(element => element.name === name)
}

/** All text within. */
export function textOf(element: Element): string {
  return element.children.map(child => (typeof child === 'string' ? child : textOf(child))).join('')
}

/** Elements and the names of their attributes, without any text or value. */
export function shapeOf(element: Element): string {
  const within = element.children.map(child => (typeof child === 'string' ? '' : shapeOf(child))).join('')
  return `${element.name}[${[...element.attributes.keys()].join(' ')}](${within})`
}
