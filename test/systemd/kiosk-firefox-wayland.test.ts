/** The kiosk with Firefox on Wayland. */
import { testKiosk } from './kiosk-suite.ts'

testKiosk('firefox', 'wayland')
