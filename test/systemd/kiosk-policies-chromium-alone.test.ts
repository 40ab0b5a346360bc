/** The kiosk's policies by themselves, in Chromium. */
import { testPolicies } from './policies-suite.ts'

testPolicies('chromium')
