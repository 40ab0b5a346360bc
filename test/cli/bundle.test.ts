/** The command starts fast because of what is not in it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const dist = join(import.meta.dirname, '../../dist')
const inputs: string[] = JSON.parse(readFileSync(join(dist, 'postern.inputs.json'), 'utf8'))
const test = suite('cli/bundle')

test('holds commander, and qrcode with what it needs: no schemas, no server', () => {
  const packages = new Set(inputs.flatMap(input => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? []))
  assert.equal([...packages].sort(), ['commander', 'dijkstrajs', 'pngjs', 'qrcode'])
})

test('holds nothing of keeper and gate, and of the table only the map of routes and plain words', () => {
  const server = inputs.filter(input => input.startsWith('server/') && !/^server\/(client|link)\//.test(input))
  const allowed = ['next.ts', 'reason.ts', 'routes.generated.ts', 'ticket-life.ts', 'version.ts'].map(
    file => `server/operations/${file}`,
  )
  assert.equal(server.sort(), allowed)
})

test.run()
