/** The handlers of the kiosk operations. */
import { no, yes } from '../../operations/operation.ts'
import type { HandlersOf } from '../dispatch.ts'
import type { Kiosk } from './kiosk.ts'

/** Whether there is a kiosk at all is told to nobody else. */
const notYours = no('not_found', 'there is no kiosk of yours')

export function kioskHandlers(kiosk: Kiosk): HandlersOf<'kiosk.'> {
  return {
    'kiosk.status': async (_input, { from }) => {
      const status = await kiosk.status(from)
      return status === null ? notYours : yes(status)
    },
    'kiosk.wait': async (_input, { from }) => ((await kiosk.wait(from)) ? yes({}) : notYours),
  }
}
