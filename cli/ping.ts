/** Whether the daemon is ready: the keeper answers on root.sock (for those who may open it), and a gate answers over HTTP. */
import { request as requestHttp } from 'node:http'
import { ClientError } from '../server/client/error.ts'
import { findLinkInstance, openWay, type Place } from './connection.ts'
import { requireYes } from './context.ts'
import { CommandFault } from './fault.ts'

/** Throws when it is not ready: a `CommandFault`, a `ClientError` or a `RefusedFault` that says why. */
export async function requireReady(place: Place, timeoutMs: number): Promise<void> {
  const instance = findLinkInstance(place)
  if (instance !== null) {
    const { openLink } = await import('./link.ts')
    const link = await openLink(instance, timeoutMs)
    try {
      requireYes(await link.call('access.check', {}))
    } finally {
      link.close()
    }
  }
  await pingGate(place, timeoutMs)
}

async function pingGate(place: Place, timeoutMs: number): Promise<void> {
  const { target, agent } = await openWay(place)
  const { protocol, hostname, port } = new URL('origin' in target ? target.origin : 'http://localhost')
  const to = 'origin' in target ? {} : { socketPath: target.socketPath }
  const path = `${target.prefix ?? ''}/ping`
  const options = { ...to, protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port, path, agent }
  // Loaded when it is needed, as in the client.
  const request = protocol === 'https:' ? (await import('node:https')).request : requestHttp
  try {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asked = request({ ...options, headers: { accept: 'application/json' } })
      asked.setTimeout(timeoutMs, () => asked.destroy(new ClientError('timeout', 'no answer to the ping')))
      asked.on('response', response => resolve(response.resume().statusCode))
      asked.on('error', fault => reject(describeFault(fault)))
      asked.end()
    })
    if (status === 200) return
    throw new ClientError('unreachable', `the gate answers HTTP ${status} to a ping: it is not ready`)
  } finally {
    agent.destroy()
  }
}

/** What the agent or the timer said stays as it is; whatever else cut the exchange, there is no ready daemon. */
function describeFault(fault: Error): Error {
  const isSaid = fault instanceof CommandFault || fault instanceof ClientError
  return isSaid ? fault : new ClientError('unreachable', `the gate does not answer: ${fault.message}`)
}
