/** The pages as somebody uses them in a browser. */
import type { Page } from 'playwright-core'
import type { Account } from '../support/account.ts'

/** Fills in the login form that the page shows, and sends it. */
export async function fillIn(page: Page, { name, password }: Account): Promise<void> {
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Resolves with the address of the page's next stream of events when something was heard by it. */
export async function hearsEvents(page: Page): Promise<string> {
  const stream = await page.waitForEvent('websocket')
  await stream.waitForEvent('framereceived')
  return stream.url()
}
