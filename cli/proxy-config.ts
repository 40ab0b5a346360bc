/** `proxy-config`: what to write into a reverse proxy's configuration, and into postern's. */
import { isAbsolute } from 'node:path'
import { Argument, type Command } from 'commander'
import type { Context, Run } from './context.ts'
import { CommandFault } from './fault.ts'
import { examples } from './help.ts'
import { findHttpPlace, findInstance } from './instance.ts'
import { type ProxyName, proxies, type Upstream, writeSnippet } from './proxy-snippet.ts'

interface Options {
  readonly path?: string
  readonly name?: string
  readonly socket?: string | true
  readonly address?: string | true
}

const defaultSocket = '/run/postern-gate/http.sock'
const defaultAddress = '127.0.0.1:7640'

/** Adds the command. */
export function addProxyConfig(program: Command, run: Run): void {
  program
    .command('proxy-config')
    .addArgument(new Argument('<proxy>', 'which one').choices(Object.keys(proxies)))
    .description('print what a reverse proxy needs to pass requests on to postern, WebSockets included')
    .option('--path <path>', 'the path of the site below which postern is, such as /sub/', '/')
    .option('--name <host>', 'the name under which browsers ask for it')
    .option('--socket [path]', "by postern's UNIX socket: the default for nginx and caddy")
    .option('--address [address:port]', 'by a loopback address: the default for haproxy and traefik')
    .addHelpText(
      'after',
      examples(
        ['postern proxy-config nginx --name box.example', ''],
        ['postern proxy-config caddy --path /sub/', 'below a path of a site that has others'],
        ['postern proxy-config haproxy --address 127.0.0.1:7640', ''],
      ),
    )
    .action(run(printSnippet))
}

async function printSnippet(context: Context, proxy: ProxyName, { path = '/', name, socket, address }: Options) {
  context.requireThisMachine('proxy-config')
  if (socket !== undefined && address !== undefined)
    throw new CommandFault('usage', '--socket and --address exclude each other')
  const bySocket = socket !== undefined || (address === undefined && proxies[proxy].socket)
  if (bySocket && proxy === 'traefik')
    throw new CommandFault('usage', 'traefik reaches no UNIX socket', 'use --address')
  const upstream = bySocket ? findSocket(context, socket) : findAddress(context, address)
  const place = { upstream, path: parsePath(path), name: name === undefined ? null : parseName(name) }
  const text = writeSnippet(proxy, place)
  context.print({ proxy, ...place, text }, text)
  return undefined
}

function findSocket(context: Context, given: string | true | undefined): Upstream {
  const socket = typeof given === 'string' ? given : (findPlace(context)?.socketPath ?? defaultSocket)
  if (!isAbsolute(socket) || !/^[\w./~+@-]{1,107}$/.test(socket))
    throw new CommandFault('usage', '--socket: expected an absolute path')
  return { socket }
}

function findAddress(context: Context, given: string | true | undefined): Upstream {
  const known = findPlace(context)?.origin?.slice('http://'.length)
  const address = typeof given === 'string' ? given : (known ?? defaultAddress)
  if (!/^(?:127(?:\.\d{1,3}){3}|\[::1\]):\d{1,5}$/.test(address))
    throw new CommandFault('usage', '--address: expected a loopback address and a port', defaultAddress)
  return { address }
}

/** Where the instance of this machine is; null where there is none to ask. */
function findPlace({ place: { runtime, uid } }: Context) {
  try {
    return findHttpPlace(findInstance(runtime, uid), uid)
  } catch (fault) {
    if (fault instanceof CommandFault) return null
    throw fault
  }
}

/** What stands in the text must not end a line or a word of it. */
function parsePath(text: string): string {
  const path = text.endsWith('/') ? text : `${text}/`
  if (/^\/(?:[\w~-][\w~.-]*\/){0,16}$/.test(path) && path.length <= 256) return path
  throw new CommandFault('usage', '--path: expected a path of letters and digits such as /sub/')
}

function parseName(text: string): string {
  if (/^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i.test(text)) return text.toLowerCase()
  throw new CommandFault('usage', '--name: expected a host name without a port, such as box.example')
}
