/** Configurations refused for their form: the text itself, its keys, types and bounds. */
import { suite } from 'uvu'
import { formCases } from './form-cases.ts'
import { refuseEach } from './refuse-each.ts'

const test = suite('config/faults-form')

refuseEach(test, formCases)

test.run()
