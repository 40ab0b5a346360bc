/** Debian's Chromium, driven by a test, with a profile of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface Browser {
  readonly context: BrowserContext
  /** Ends it and removes the profile. */
  close(): Promise<void>
}

/** Starts a browser with scripts on or off. */
export async function openBrowser({ script = true }: { script?: boolean } = {}): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'postern-chromium-'))
  const options = { executablePath: '/usr/bin/chromium', javaScriptEnabled: script, args }
  const context = await chromium.launchPersistentContext(profile, options)
  const close = async () => {
    await context.close()
    rmSync(profile, { recursive: true, force: true })
  }
  return { context, close }
}
