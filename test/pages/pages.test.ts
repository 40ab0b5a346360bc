/** What holds for every page: nothing inline, everything escaped, every field labelled, valid nesting. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { visible } from '../../server/pages/markup.ts'
import { elementsIn, findAll, parseHtml, shapeOf, textOf } from './parse-html.ts'
import { samplePages } from './sample.ts'

const test = suite('pages')
const ordinary = samplePages()

test('nests as HTML asks for', () => {
  for (const page of Object.values(ordinary)) parseHtml(page)
})

test('has no inline style, script or event handler, and asks for nothing from elsewhere', () => {
  for (const [name, page] of Object.entries(ordinary))
    for (const element of elementsIn(parseHtml(page))) {
      // A script is one of ours, and nothing stands in it.
      const isOurs = /^\/postern\/assets\//.test(element.attributes.get('src') ?? '')
      if (element.name === 'script') assert.ok(isOurs && element.children.length === 0, name)
      assert.not.match(element.name, /^(?:style|iframe|object|embed|base|svg)$/, name)
      for (const [attribute, value] of element.attributes) {
        assert.not.match(attribute, /^(?:style|on.*|srcdoc|formaction|http-equiv|target)$/, `${attribute} in ${name}`)
        if (/^(?:href|src|action)$/.test(attribute)) assert.match(value, /^(?:\/(?!\/)|#)/, `${value} in ${name}`)
      }
    }
})

const hostile = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  `' onfocus='alert(1)' x='`,
  '" autofocus onfocus="alert(1)',
  '</title></textarea></form><form action="https://evil.example">',
  '<!-- --> ]]> <![CDATA[',
  '&lt;script&gt; &amp; &#60;b&#62; &copy',
  'javascript:alert(1)',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what a template must not evaluate
  '${7*7} {{7*7}} <%= 7 %>',
  '`<b>`',
  '\u0000\u001b[31m\u0085',
  '\u202egnp.exe\u2066',
  '\ud800 alone',
  'x'.repeat(3000),
]

for (const value of hostile)
  test(`stays the same page when filled with ${JSON.stringify(value.slice(0, 40))}`, () => {
    for (const [name, page] of Object.entries(samplePages(() => value)))
      assert.is(shapeOf(parseHtml(page)), shapeOf(parseHtml(ordinary[name] ?? '')), name)
  })

test('shows what a stranger wrote as it was written', () => {
  for (const value of hostile) {
    const pages = samplePages(() => value)
    const shown = visible(value).trim()
    for (const name of ['login-failed', 'conversation', 'home', 'docs'])
      for (const tag of ['title', name.startsWith('docs') ? 'header' : 'h1'])
        assert.ok(
          textOf(findAll(parseHtml(pages[name] ?? ''), tag)[0] ?? parseHtml('')).includes(shown),
          `${tag} in ${name}`,
        )
    const cells = findAll(parseHtml(pages.home ?? ''), 'td').map(textOf)
    assert.ok(cells.includes(visible(value)))
  }
})

test('shows no control character, no direction override and no half of a character', () => {
  for (const [name, page] of Object.entries(samplePages(() => 'a\u0000\u001b\u007f\u0085\u200f\u202e\u2066\ud800b')))
    assert.not.match(textOf(parseHtml(page)), /(?!\n)[\p{Cc}\p{Bidi_Control}\p{Cs}]/u, name)
})

test('has a label for every field, and every id once', () => {
  for (const [name, page] of Object.entries(ordinary)) {
    const elements = elementsIn(parseHtml(page))
    const ids = elements.flatMap(({ attributes }) => attributes.get('id') ?? [])
    assert.equal(ids, [...new Set(ids)], name)
    const labelled = elements.filter(element => element.name === 'label').map(({ attributes }) => attributes.get('for'))
    const fields = elements.filter(element => element.name === 'input' && element.attributes.get('type') !== 'hidden')
    assert.equal(
      labelled,
      fields.map(({ attributes }) => attributes.get('id')),
      name,
    )
    for (const { attributes } of elements)
      for (const attribute of ['aria-labelledby', 'aria-describedby'])
        for (const id of attributes.get(attribute)?.split(' ') ?? []) assert.ok(ids.includes(id), `${id} in ${name}`)
  }
})

test('says its language, has one title, one main part and one main heading, and no button without words', () => {
  for (const [name, page] of Object.entries(ordinary)) {
    const tree = parseHtml(page)
    assert.is(findAll(tree, 'html')[0]?.attributes.get('lang'), 'en', name)
    for (const tag of ['title', 'main', 'h1']) assert.is(findAll(tree, tag).length, 1, `${tag} in ${name}`)
    for (const button of findAll(tree, 'button')) assert.ok(textOf(button).trim() !== '', name)
    for (const image of findAll(tree, 'img')) assert.ok(image.attributes.has('alt'), name)
  }
})

test('posts its forms, since they change something', () => {
  for (const [name, page] of Object.entries(ordinary))
    for (const form of findAll(parseHtml(page), 'form')) assert.is(form.attributes.get('method'), 'post', name)
})

test('gives the focus to one element at most', () => {
  for (const [name, page] of Object.entries(ordinary)) {
    const focused = elementsIn(parseHtml(page)).filter(({ attributes }) => attributes.has('autofocus'))
    assert.is(focused.length, /^(?:login|conversation)/.test(name) ? 1 : 0, name)
  }
})

test.run()
