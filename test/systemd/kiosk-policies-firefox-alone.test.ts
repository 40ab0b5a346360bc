/** The kiosk's policies by themselves, in Firefox. */
import { testPolicies } from './policies-suite.ts'

testPolicies('firefox')
