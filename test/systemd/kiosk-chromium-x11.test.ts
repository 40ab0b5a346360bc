/** The kiosk with Chromium on X11. */
import { testKiosk } from './kiosk-suite.ts'

testKiosk('chromium', 'x11')
