/** The PAM child: one process for one login attempt, its pipes to the keeper all that it knows. */
import { createChannel } from './channel.ts'
import { dieWithKeeper, forbidDumps } from './libc.ts'
import { parseRequest } from './protocol.ts'
import { runAttempt } from './run-attempt.ts'

forbidDumps()
dieWithKeeper(true)
const channel = createChannel(0, 1)
const request = parseRequest(channel.read())
// A spare child whose keeper leaves without an attempt ends in silence.
if (request === null) process.exit(0)
runAttempt(request, channel).then(
  outcome => {
    channel.write({ result: outcome })
    process.exit(0)
  },
  fault => {
    process.stderr.write(`pam child: ${fault instanceof Error ? fault.stack : 'unknown fault'}\n`)
    channel.write({ result: { ok: false, phase: 'start', code: 0, reason: 'system', message: '' } })
    process.exit(1)
  },
)
