/** Configurations refused for a value, alone or beside another. */
import { suite } from 'uvu'
import { refuseEach } from './refuse-each.ts'
import { valueCases } from './value-cases.ts'

const test = suite('config/faults-value')

refuseEach(test, valueCases)

test.run()
