/** What the pages ask for beside themselves. */
import { livePath, markPath, stylePath } from './layout.ts'
import { live } from './live.ts'
import { mark } from './mark.ts'
import { style } from './style.ts'

export interface Asset {
  readonly type: string
  readonly text: string
}

/** Path to content type and text of every asset. */
export const assets: ReadonlyMap<string, Asset> = new Map([
  [stylePath, { type: 'text/css; charset=utf-8', text: style }],
  [livePath, { type: 'text/javascript; charset=utf-8', text: live }],
  [markPath, { type: 'image/svg+xml', text: mark }],
])
