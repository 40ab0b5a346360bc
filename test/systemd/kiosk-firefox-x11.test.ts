/** The kiosk with Firefox on X11. */
import { testKiosk } from './kiosk-suite.ts'

testKiosk('firefox', 'x11')
