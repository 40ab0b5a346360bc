/** The kiosk's policies by themselves, in Firefox: one half of the ways out. */
import { testPolicies } from './policies-suite.ts'

testPolicies('firefox', { nth: 0, of: 2 })
