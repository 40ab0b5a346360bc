/** Faulty configurations by their form: the text itself, its keys, types and bounds. */
import { type FaultCase, secret } from './refuse-each.ts'

/** Each text has exactly these faults, in this order. */
export const formCases: readonly FaultCase[] = [
  // The text itself.
  {
    name: 'an unclosed bracket',
    text: 'hosts: [a',
    expect: ['1:10 : wrong indentation, or a bracket that is not closed'],
  },
  { name: 'a tab', text: 'token:\n\taccess_seconds: 9', expect: ['2:1 : a tab in the indentation, expected spaces'] },
  {
    name: 'a second document',
    text: 'remote: true\n---\nremote: false',
    expect: ['2:1 : expected one document, found a second one after `---`'],
  },
  { name: 'a bad escape', text: 'gate: { user: "\\q" }', expect: ['1:16 : unknown escape in a double-quoted text'] },
  { name: 'a tag', text: 'remote: !yes true', expect: ['1:9 : tags (`!name`) are not supported'] },
  { name: 'a map as key', text: '? { a: 1 }\n: 2', expect: ['1:3 : expected a plain name as key'] },
  { name: 'no map', text: '- a\n- b', expect: ['1:1 : expected a map of keys'] },
  { name: 'a text alone', text: secret, expect: ['1:1 : expected a map of keys'] },
  {
    name: 'an alias',
    text: 'hosts: &h [a]\ntrusted_proxies: *h',
    expect: ['2:18 trusted_proxies: aliases (`*name`) are not supported'],
  },
  {
    name: 'a key given twice',
    text: 'token:\n  access_seconds: 9\n  access_seconds: 8',
    expect: ['3:3 token.access_seconds: given twice, first in line 2'],
  },
  {
    name: '__proto__',
    text: 'token: { __proto__: { access_seconds: 9 } }',
    expect: ['1:10 token: expected a plain name as key'],
  },
  {
    name: 'deep nesting',
    text: `hosts: ${'['.repeat(20)}${']'.repeat(20)}`,
    expect: [
      `1:24 hosts${'[0]'.repeat(16)}: nested too deep`,
      '1:9 hosts[0]: expected a host name like box.example, without scheme, port or path, found a list',
    ].reverse(),
  },
  { name: 'very deep nesting', text: `a: ${'['.repeat(20000)}`, expect: ['1:* : nested too deep'] },
  // Keys.
  {
    name: 'a mistyped key',
    text: 'token: { acess_seconds: 9 }',
    expect: ['1:10 token.acess_seconds: unknown key'],
    hint: 'did you mean access_seconds?',
  },
  {
    name: 'a key with a dash',
    text: 'trusted-proxies: []',
    expect: ['1:1 trusted-proxies: unknown key'],
    hint: 'did you mean trusted_proxies?',
  },
  {
    name: 'a key in the wrong section',
    text: 'session: { access_seconds: 9 }',
    expect: ['1:12 session.access_seconds: unknown key'],
    hint: 'access_seconds belongs under token',
  },
  {
    name: 'a misplaced top-level key',
    text: `token: { jwt_secret: ${secret} }`,
    expect: ['1:10 token.jwt_secret: unknown key'],
    hint: 'jwt_secret belongs at the top level',
  },
  {
    name: 'a key that is nothing like any',
    text: 'log: { xyzzy: 1 }',
    expect: ['1:8 log.xyzzy: unknown key'],
    hint: 'known keys here: level',
  },
  {
    name: 'a key in a listener',
    text: 'listen: [{ adress: ::1, port: 7640 }]',
    expect: ['1:12 listen[0].adress: unknown key'],
    hint: 'did you mean address?',
  },
  {
    name: 'a key in a role',
    text: 'roles: { viewer: { user: [a] } }',
    expect: ['1:20 roles.viewer.user: unknown key'],
    hint: 'did you mean users?',
  },
  { name: 'a key with control characters', text: '"\\e[2Jx": 1', expect: ['1:1 \\u{1b}[2Jx: unknown key'] },
  {
    name: 'a key of Object',
    text: 'toString: 1\nconstructor: 2',
    expect: ['1:1 toString: unknown key', '2:1 constructor: unknown key'],
  },
  // Types and bounds.
  {
    name: 'a text for a number',
    text: 'token: { access_seconds: 1h }',
    expect: ['1:26 token.access_seconds: expected a whole number of seconds from 5 to 86400, found the text "1h"'],
    hint: 'write the number alone, without unit or quotes',
  },
  {
    name: 'too small',
    text: 'token: { access_seconds: 4 }',
    expect: ['1:26 token.access_seconds: expected a whole number of seconds from 5 to 86400, found 4'],
  },
  {
    name: 'too large',
    text: 'gate: { workers: 65 }',
    expect: ['1:18 gate.workers: expected a whole number of processes from 1 to 64, found 65'],
  },
  {
    name: 'a fraction',
    text: 'pam: { children: 2.5 }',
    expect: ['1:18 pam.children: expected a whole number of processes from 1 to 256, found 2.5'],
  },
  {
    name: 'not a number',
    text: 'login: { failure_delay_seconds: .nan }',
    expect: ['1:33 login.failure_delay_seconds: expected a number of seconds from 0.5 to 30, found NaN'],
  },
  {
    name: 'infinity',
    text: 'login: { failure_delay_seconds: .inf }',
    expect: ['1:33 login.failure_delay_seconds: expected a number of seconds from 0.5 to 30, found Infinity'],
  },
  {
    name: 'yes',
    text: 'remote: yes',
    expect: ['1:9 remote: expected true or false, found the text "yes"'],
    hint: 'YAML knows only true and false',
  },
  {
    name: 'an unknown word',
    text: 'log: { level: inf }',
    expect: ['1:15 log.level: expected one of error, warn, info, debug, found the text "inf"'],
    hint: 'did you mean info?',
  },
  {
    name: 'a number for a name',
    text: 'gate: { user: 1000 }',
    expect: ['1:15 gate.user: expected the name of a user, found 1000'],
    hint: 'put quotes around it',
  },
  {
    name: 'a text for a list',
    text: 'hosts: a',
    expect: ['1:8 hosts: expected a list of host names, found the text "a"'],
    hint: 'write a list as [one, two]',
  },
  {
    name: 'nothing for a list',
    text: 'hosts:',
    expect: ['1:7 hosts: expected a list of host names, found nothing'],
    hint: 'write [] for an empty list',
  },
  {
    name: 'a list for a section',
    text: 'token: [1]',
    expect: [
      '1:8 token: expected a map with the keys algorithm, access_seconds, refresh_seconds, max_seconds, issuer, found a list',
    ],
  },
  { name: 'a kiosk without user', text: 'kiosk: {}', expect: ['1:1 kiosk.user: missing, expected the name of a user'] },
  {
    name: 'an escape sequence in a value',
    text: 'log: { level: "\\e]0;x\\u202e" }',
    expect: ['1:15 log.level: expected one of error, warn, info, debug, found the text "\\u{1b}]0;x\\u{202e}"'],
  },
]
