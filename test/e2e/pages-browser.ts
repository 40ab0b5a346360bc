/** The pages as a browser gets them: served on loopback with the gate's own headers, opened in Debian's Chromium. */
import { createServer } from 'node:http'
import type { BrowserContext } from 'playwright-core'
import { WebSocketServer } from 'ws'
import { assetHeaders, pageHeaders } from '../../server/gate/security-headers.ts'
import { assets } from '../../server/pages/assets.ts'
import { openBrowser } from '../support/chromium.ts'

export interface Opened {
  /** where the pages are: append a name */
  readonly base: string
  readonly context: BrowserContext
  /** path and body of every form that was posted */
  readonly posts: { path: string; body: string }[]
  /** Ends the browser and the server and removes the profile. */
  close(): Promise<void>
}

/** Serves `pages` by name, answers any POST with a redirect to /done, and starts a browser, with scripts or without. */
export async function openPages(pages: Readonly<Record<string, string>>, javaScriptEnabled = true): Promise<Opened> {
  const posts: Opened['posts'] = []
  const server = createServer(async (request, response) => {
    const path = request.url ?? ''
    const asset = assets.get(path)
    const page = pages[path.slice(1).replace(/\?.*/, '')]
    if (request.method === 'POST') {
      posts.push({ path, body: Buffer.concat(await request.toArray()).toString() })
      response.writeHead(303, { ...pageHeaders, Location: '/done' }).end()
    } else if (path === '/done') {
      response.writeHead(200, pageHeaders).end('<!doctype html><title>done</title>')
    } else if (asset !== undefined)
      response.writeHead(200, { ...assetHeaders, 'Content-Type': asset.type }).end(asset.text)
    else if (page !== undefined) response.writeHead(200, pageHeaders).end(page)
    else response.writeHead(404).end()
  })
  // Streams of events stay open, and nothing happens.
  const webSockets = new WebSocketServer({ server })
  await new Promise<void>(settle => server.listen(0, '127.0.0.1', settle))
  const address = server.address()
  const base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
  const { context, close: closeBrowser } = await openBrowser({ script: javaScriptEnabled })
  // A step that fails should fail soon.
  context.setDefaultTimeout(5000)
  const close = async () => {
    await closeBrowser()
    for (const one of webSockets.clients) one.terminate()
    server.closeAllConnections()
    server.close()
  }
  return { base, context, posts, close }
}
