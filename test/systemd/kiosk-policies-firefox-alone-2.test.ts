/** The kiosk's policies by themselves, in Firefox: the other half of the ways out. */
import { testPolicies } from './policies-suite.ts'

testPolicies('firefox', { nth: 1, of: 2 })
