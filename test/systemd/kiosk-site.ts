/**
 * Runs inside a machine in the daemon's place: a page of the kiosk that does what a test says and tells how it is, on port
 * 7640, and a site that nobody allowed on 7641.
 */
import { createServer } from 'node:http'

const page = `<!doctype html><title>The kiosk</title><body style="background:#123456"><iframe></iframe><script>
let script = ''
setInterval(async () => {
  const query = 'visible=' + (document.visibilityState === 'visible' && document.hasFocus()) + '&height=' + innerHeight
  script = await (await fetch('/beat?' + query)).text() || script
}, 150)
document.addEventListener('click', () => { const now = script; script = ''; eval(now) })
</script>`

let script = ''
let beat = { visible: false, height: 0, at: 0 }
const strangers: string[] = []

const seen = () => ({
  strangers,
  isTaken: script === '',
  page: { visible: beat.visible, height: beat.height, agoMs: Date.now() - beat.at },
})

const site = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://127.0.0.1:7640')
  const answer = (type: string, text: string) => response.writeHead(200, { 'Content-Type': type }).end(text)
  if (url.pathname === '/seen') return answer('application/json', JSON.stringify(seen()))
  if (url.pathname === '/reset') {
    beat = { visible: false, height: 0, at: 0 }
    strangers.length = 0
    return answer('text/plain', '')
  }
  if (url.pathname === '/script') {
    request.setEncoding('utf8').on('data', chunk => (script += chunk))
    return request.on('end', () => answer('text/plain', ''))
  }
  if (url.pathname === '/beat') {
    const { visible, height } = Object.fromEntries(url.searchParams)
    beat = { visible: visible === 'true', height: Number(height), at: Date.now() }
    answer('text/plain', script)
    script = ''
    return
  }
  if (url.pathname === '/away') return response.writeHead(302, { Location: 'http://127.0.0.1:7641/' }).end()
  if (url.pathname.startsWith('/loot')) {
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': 'attachment; filename=loot.bin',
    }
    return response.writeHead(200, headers).end('loot')
  }
  return answer('text/html', url.pathname === '/' ? page : '<!doctype html><title>Another page</title>')
})
site.listen(7640, '127.0.0.1')
createServer((request, response) => {
  strangers.push(request.url ?? '')
  response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>ESCAPED</title>')
}).listen(7641, '127.0.0.1')
