/** Files that hold secrets, and the directories they are in. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  makeDirectoryFor,
  makeOwnDirectory,
  readSecretFile,
  removeFile,
  requireOwnDirectory,
  requireSafeParents,
  writeSecretFile,
} from '../../server/keeper/file.ts'
import { mountSmallDisk } from '../support/small-disk.ts'

const test = suite<{ directory: string; path: string }>('keeper/file')
test.before.each(context => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-file-'))
  Object.assign(context, { directory, path: join(directory, 'secret') })
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

const write = (path: string, text = 'text', mode = 0o400) => writeSecretFile(path, text, randomBytes, mode)
const modeOf = (path: string) => lstatSync(path).mode & 0o7777

test('a file has exactly its mode, whatever the umask', ({ path }) => {
  const former = process.umask(0)
  try {
    for (const mask of [0, 0o022, 0o777])
      for (const mode of [0o400, 0o600, 0o444]) {
        process.umask(mask)
        write(path, 'text', mode)
        assert.equal([modeOf(path), readFileSync(path, 'utf8')], [mode, 'text'])
      }
  } finally {
    process.umask(former)
  }
})

test('a reader who has the former file open goes on reading the former file', ({ path }) => {
  write(path, 'former')
  const link = `${path}.link`
  linkSync(path, link)
  write(path, 'new')
  assert.equal([readFileSync(link, 'utf8'), readFileSync(path, 'utf8')], ['former', 'new'])
})

test('a write that fails leaves the former file and nothing else', ({ directory, path }) => {
  write(path, 'former')
  // A directory cannot be replaced by a file.
  mkdirSync(join(directory, 'taken'))
  assert.throws(() => write(join(directory, 'taken')))
  assert.equal(readdirSync(directory).sort(), ['secret', 'taken'])
})

test('a disk that is full makes no short file', () => {
  const disk = mountSmallDisk(1024 * 1024)
  try {
    const path = join(disk.path, 'secret')
    write(path, 'former')
    disk.fill()
    // Room for one page: the beginning of the text would fit.
    writeFileSync(join(disk.path, 'filling'), '')
    writeFileSync(join(disk.path, 'filling'), Buffer.alloc(1024 * 1024 - 3 * 4096))
    assert.throws(() => write(path, 'x'.repeat(100_000)), /ENOSPC/)
    assert.is(readFileSync(path, 'utf8'), 'former')
    assert.equal(readdirSync(disk.path).sort(), ['filling', 'secret'])
  } finally {
    disk.remove()
  }
})

test('nobody guesses the name of the file on its way', ({ directory, path }) => {
  const names = new Set<string>()
  for (let at = 0; at < 5; at += 1) {
    mkdirSync(join(directory, `taken${at}`))
    try {
      writeSecretFile(
        join(directory, `taken${at}`),
        'x',
        bytes => {
          assert.ok(bytes >= 9)
          const random = randomBytes(bytes)
          names.add(random.toString('base64url'))
          return random
        },
        0o400,
      )
    } catch {
      // The name is what is looked at.
    }
  }
  assert.is(names.size, 5)
  assert.not.ok(existsSync(path))
})

test('a file in the way of the file on its way is an error, not followed', ({ directory, path }) => {
  const fixed = () => Buffer.alloc(9)
  const bait = join(directory, 'bait')
  writeFileSync(bait, 'bait')
  symlinkSync(bait, `${path}.${Buffer.alloc(9).toString('base64url')}`)
  assert.throws(() => writeSecretFile(path, 'secret', fixed, 0o400), /EEXIST/)
  assert.is(readFileSync(bait, 'utf8'), 'bait')
})

test('another user who swaps and watches without a pause reads nothing and redirects nothing', async ({
  directory,
  path,
}) => {
  // The directory is as safe as it must be; everything else is theirs to try.
  const playground = join(directory, 'theirs')
  mkdirSync(playground)
  chownSync(playground, 1234, 1234)
  const script = `
    const fs = require('node:fs')
    const [directory, playground] = process.argv.slice(1)
    process.send('ready')
    const seen = new Set()
    for (const end = Date.now() + 1500; Date.now() < end; ) {
      let names = []
      try { names = fs.readdirSync(directory) } catch {}
      for (const name of names) {
        const path = directory + '/' + name
        try { seen.add(fs.readFileSync(path, 'utf8')) } catch {}
        try { fs.linkSync(path, playground + '/' + name); seen.add(fs.readFileSync(playground + '/' + name, 'utf8')) } catch {}
        try { fs.renameSync(path, playground + '/' + name); seen.add('renamed') } catch {}
        try { fs.symlinkSync(playground + '/trap', path); seen.add('planted') } catch {}
      }
    }
    process.send([...seen])`
  const child = spawn(process.execPath, ['-e', script, directory, playground], {
    ...{ uid: 1234, gid: 1234, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  })
  chmodSync(directory, 0o755)
  await once(child, 'message')
  const answer = once(child, 'message')
  let isOver = false
  void answer.then(() => {
    isOver = true
  })
  for (let at = 0; !isOver; at += 1) {
    write(path, `secret ${at}`)
    if (at % 20 === 0) removeFile(path)
    if (at % 5 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  assert.equal((await answer)[0], [])
  if (child.exitCode === null) await once(child, 'exit')
})

const directories: [name: string, spoil: (directory: string) => void, expected: RegExp][] = [
  ['writable by others', directory => chmodSync(directory, 0o757), /writable by others/],
  ['writable by a group', directory => chmodSync(directory, 0o775), /writable by others/],
  ['writable by others although sticky', directory => chmodSync(directory, 0o1777), /writable by others/],
  ['another user’s', directory => chownSync(directory, 1234, 1234), /belongs to uid 1234/],
  [
    'a link',
    directory => {
      renameSync(directory, `${directory}.real`)
      symlinkSync(`${directory}.real`, directory)
    },
    /is not a directory/,
  ],
  [
    'a file',
    directory => {
      rmSync(directory, { recursive: true })
      writeFileSync(directory, '')
    },
    /is not a directory/,
  ],
]
for (const [name, spoil, expected] of directories)
  test(`a directory that is ${name} is refused, by writers too`, ({ directory }) => {
    const inner = join(directory, 'inner')
    mkdirSync(inner)
    spoil(inner)
    assert.throws(() => requireOwnDirectory(inner), expected)
    assert.throws(() => makeOwnDirectory(inner, 0o700), expected)
    assert.throws(() => write(join(inner, 'secret')), expected)
    assert.not.ok(existsSync(join(inner, 'secret')))
  })

test('a directory is made with exactly its mode, its parents 0755', ({ directory }) => {
  const former = process.umask(0o077)
  try {
    makeOwnDirectory(join(directory, 'a', 'b'), 0o755)
    assert.is(modeOf(join(directory, 'a', 'b')), 0o755)
  } finally {
    process.umask(former)
  }
})

test('a directory of another’s is made theirs, and taken when it is theirs or root’s', ({ directory }) => {
  const owner = { uid: 1234, gid: 1235 }
  const inner = join(directory, 'inner')
  makeDirectoryFor(inner, owner, 0o750)
  const { uid, gid } = lstatSync(inner)
  assert.equal([uid, gid, modeOf(inner)], [1234, 1235, 0o750])
  makeDirectoryFor(inner, owner, 0o750)
  chownSync(inner, 0, 0)
  makeDirectoryFor(inner, owner, 0o750)
  chownSync(inner, 4321, 0)
  assert.throws(() => makeDirectoryFor(inner, owner, 0o750), /belongs to uid 4321/)
})

const parents: [name: string, spoil: (directory: string) => void, expected: RegExp | null][] = [
  ['writable by all', directory => chmodSync(directory, 0o777), /writable by others/],
  ['writable by a group', directory => chmodSync(directory, 0o770), /writable by others/],
  ['sticky and writable by all', directory => chmodSync(directory, 0o1777), null],
  ['another user’s', directory => chownSync(directory, 1234, 1234), /belongs to uid 1234/],
]
for (const [name, spoil, expected] of parents)
  test(`a parent that is ${name} is ${expected === null ? 'good' : 'refused'}, at any height`, ({ directory }) => {
    const inner = join(directory, 'a', 'b')
    mkdirSync(inner, { recursive: true })
    spoil(directory)
    if (expected === null) requireSafeParents(inner)
    else assert.throws(() => requireSafeParents(inner), expected)
  })

test('a link on the way is good where root made it and what it leads through is safe', ({ directory }) => {
  mkdirSync(join(directory, 'real', 'inner'), { recursive: true })
  symlinkSync(join(directory, 'real'), join(directory, 'link'))
  const inner = join(directory, 'link', 'inner')
  requireSafeParents(inner)
  chmodSync(join(directory, 'real'), 0o777)
  assert.throws(() => requireSafeParents(inner), /writable by others/)
})

test('a secret file is read when it is ours alone', ({ path }) => {
  assert.is(readSecretFile(path), null)
  write(path, 'text', 0o600)
  assert.is(readSecretFile(path), 'text')
})

const unreadable: [name: string, spoil: (path: string) => void][] = [
  ['can be read by others', path => chmodSync(path, 0o604)],
  ['can be read by a group', path => chmodSync(path, 0o640)],
  ['is another user’s', path => chownSync(path, 1234, 1234)],
  [
    'is a link',
    path => {
      renameSync(path, `${path}.real`)
      symlinkSync(`${path}.real`, path)
    },
  ],
  [
    'is a directory',
    path => {
      rmSync(path)
      mkdirSync(path, { mode: 0o700 })
    },
  ],
]
for (const [name, spoil] of unreadable)
  test(`a secret file that ${name} is refused by name`, ({ path }) => {
    write(path, 'text', 0o600)
    spoil(path)
    assert.throws(
      () => readSecretFile(path),
      (fault: Error) => fault.message.includes(path),
    )
  })

test.run()
