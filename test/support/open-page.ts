/**
 * Runs as the kiosk's user: a browser as `postern kiosk` starts it, at a page that is not the daemon's.
 *
 *   open-page.ts firefox|chromium URL
 */
import { Browser, findKind, findProgram } from '../../cli/kiosk/browser.ts'
import { findMemory } from '../../cli/kiosk/private-directory.ts'

const [name, url = ''] = process.argv.slice(2)
const kind = findKind(name === 'firefox' ? 'firefox' : 'chromium')
const memory = findMemory(process.env, process.getuid?.() ?? 0)
const launcher = { kind, program: findProgram(kind, process.env), words: [], env: process.env, memory }
const browser = new Browser(launcher, url, null)
const end = () => void browser.end().then(() => process.exit(0))
browser.over.addEventListener('abort', end)
process.once('SIGTERM', end)
