/** What postern is compared with: bare servers, each in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './set-up.ts'

/** A server that does nothing but answer, bundled as the gate is: what Node.js itself can do. */
export async function startBareServer(
  scratch: string,
  node: string = process.execPath,
): Promise<{ url: string; process: ChildProcess }> {
  const source = join(scratch, 'bare.ts')
  const body = '{"user":{"id":"1","name":"root","realm":"pam"},"permission":null}'
  writeFileSync(
    source,
    `import { createServer } from 'node:http'
const server = createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': ${body.length} })
  response.end('${body}')
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))`,
  )
  const outfile = join(scratch, 'bare.cjs')
  await build({ entryPoints: [source], outfile, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' })
  const child = spawn(node, [outfile], { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: `http://127.0.0.1:${port.toString().trim()}/`, process: child }
}

/** The same over HTTPS, with a certificate and key that are given. */
export async function startBareSecureServer(
  scratch: string,
  certificate: string,
  key: string,
): Promise<{ port: number; process: ChildProcess }> {
  const source = join(scratch, 'bare-secure.cjs')
  writeFileSync(
    source,
    `const { readFileSync } = require('node:fs')
const pair = { cert: readFileSync(${JSON.stringify(certificate)}), key: readFileSync(${JSON.stringify(key)}) }
const server = require('node:https').createServer(pair, (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 4 })
  response.end('pong')
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))`,
  )
  const child = spawn(process.execPath, [source], { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(port.toString()), process: child }
}

/** `ws` alone, bundled as the gate is: sends as many texts of that size to everybody as it is asked to by HTTP. */
export async function startBareStream(scratch: string, text: string): Promise<{ port: string; process: ChildProcess }> {
  const source = join(scratch, 'stream.ts')
  writeFileSync(
    source,
    `import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
const server = createServer((request, response) => {
  const isEnd = request.url === '/end'
  for (const one of sockets.clients) isEnd ? one.close(4401) : one.send(${JSON.stringify(text)})
  response.end()
}).listen(0, '127.0.0.1', () => console.log(server.address().port))
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', one => one.send('{}'))`,
  )
  const outfile = join(scratch, 'stream.cjs')
  const paths = { nodePaths: [join(root, 'node_modules')] }
  await build({
    ...paths,
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  })
  const child = spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: port.toString().trim(), process: child }
}
