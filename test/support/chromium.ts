/** Debian's Chromium, driven by a test, with a profile of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'
import { cleanAtEnd } from './cleanup.ts'

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const nameArgs = [
  '--host-resolver-rules=MAP *.example 127.0.0.1',
  // Browsers that do not have this guard of their own are to be safe too.
  '--disable-features=LocalNetworkAccessChecks',
]

export interface Browser {
  readonly context: BrowserContext
  /** Ends it and removes the profile. */
  close(): Promise<void>
}

/**
 * Starts a browser with scripts on or off; with `names`, every name below `example` is this machine's, and with
 * `anyCertificate`, whoever signed a certificate is believed.
 */
export async function openBrowser({
  script = true,
  names = false,
  anyCertificate = false,
}: {
  script?: boolean
  names?: boolean
  anyCertificate?: boolean
} = {}): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'postern-chromium-'))
  const options = {
    executablePath: '/usr/bin/chromium',
    javaScriptEnabled: script,
    ignoreHTTPSErrors: anyCertificate,
    args: names ? [...args, ...nameArgs] : args,
  }
  const remove = () => rmSync(profile, { recursive: true, force: true })
  const forget = cleanAtEnd(remove)
  const context = await chromium.launchPersistentContext(profile, options)
  const close = async () => {
    forget()
    await context.close()
    remove()
  }
  return { context, close }
}
