/**
 * Runs inside a machine in the daemon's place: a page of the kiosk that does what a test says and tells how it is, on port
 * 7640, a site that nobody allowed on 7641, and one that is allowed by option on 7642.
 */
import { createServer } from 'node:http'

const page = `<!doctype html><title>The kiosk</title><body style="background:#123456"><iframe></iframe><script>
let script = ''
const say = text => fetch('/said?' + text)
setInterval(async () => {
  const query = 'visible=' + (document.visibilityState === 'visible' && document.hasFocus()) + '&width=' + innerWidth + '&height=' + innerHeight
  script = await (await fetch('/beat?' + query)).text() || script
}, 150)
document.addEventListener('click', () => { const now = script; script = ''; if (now) navigator.sendBeacon('/done'); eval(now) })
</script>`

/** Its title tells how many pages were in its tab. */
const other = `<!doctype html><title>Another page</title><script>document.title += ' ' + history.length</script>`
const stranger = 'http://127.0.0.1:7641/'

let script = ''
let isDone = true
let beat = { visible: false, width: 0, height: 0, at: 0 }
const strangers: string[] = []
const said: string[] = []

const seen = () => ({
  strangers,
  said,
  isDone,
  page: { visible: beat.visible, width: beat.width, height: beat.height, agoMs: Date.now() - beat.at },
})

const site = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://127.0.0.1:7640')
  const answer = (type: string, text: string) => response.writeHead(200, { 'Content-Type': type }).end(text)
  if (url.pathname === '/seen') return answer('application/json', JSON.stringify(seen()))
  if (url.pathname === '/reset') {
    beat = { visible: false, width: 0, height: 0, at: 0 }
    strangers.length = 0
    said.length = 0
    script = ''
    return answer('text/plain', '')
  }
  if (url.pathname === '/script') {
    isDone = false
    request.setEncoding('utf8').on('data', chunk => (script += chunk))
    return request.on('end', () => answer('text/plain', ''))
  }
  if (url.pathname === '/beat') {
    const { visible, width, height } = Object.fromEntries(url.searchParams)
    beat = { visible: visible === 'true', width: Number(width), height: Number(height), at: Date.now() }
    answer('text/plain', script)
    script = ''
    return
  }
  if (url.pathname === '/done') {
    isDone = true
    return answer('text/plain', '')
  }
  if (url.pathname === '/said') {
    said.push(decodeURIComponent(url.search.slice(1)))
    return answer('text/plain', '')
  }
  if (url.pathname === '/away')
    return response.writeHead(302, { Location: url.searchParams.get('to') ?? stranger }).end()
  if (url.pathname.startsWith('/loot')) {
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': 'attachment; filename=loot.bin',
    }
    return response.writeHead(200, headers).end('loot')
  }
  if (url.pathname === '/popup') return answer('text/html', `<title>No popup</title><script>open('/other')</script>`)
  return answer('text/html', url.pathname === '/' ? page : other)
})
site.listen(7640, '127.0.0.1')
createServer((_, response) => {
  response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>The other site</title>')
}).listen(7642, '127.0.0.1')
createServer((request, response) => {
  strangers.push(request.url ?? '')
  response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>ESCAPED</title>')
}).listen(7641, '127.0.0.1')
