/** The kiosk with Chromium on Wayland. */
import { testKiosk } from './kiosk-suite.ts'

testKiosk('chromium', 'wayland')
