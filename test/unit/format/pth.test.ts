// PyTorch checkpoints: what torch.save writes is read, and nothing that a file says is ever run.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { memorySource } from '../../../engine/format/byte-source'
import { openPth, readPth } from '../../../engine/format/pth'
import {
  PickleDict,
  PickleList,
  PickleTuple,
  unpickle,
  type PickleRules,
  type PickleValue,
} from '../../../engine/format/unpickle'
import { EngineError } from '../../../engine/protocol/errors'
import { writeZip, type ZipEntry } from '../provider/zip-writer'

const folder = path.join('test', 'fixtures', 'pth')

interface Expected {
  name: string
  type: string
  shape: number[]
  data: string
}

describe('PyTorch checkpoints', () => {
  for (const name of ['rwkv', 'views', 'module', 'zip64']) {
    it(`reads what torch.save writes: ${name}`, async () => {
      const rows = json<Expected[]>(`${name}.json`)
      const file = await openPth(path.join(folder, `${name}.pth`))
      try {
        assert.deepEqual(
          [...file.tensors.keys()],
          rows.map((row) => row.name),
        )
        for (const row of rows) {
          const tensor = file.tensors.get(row.name)
          const bytes = Buffer.from(row.data, 'base64')
          assert.deepEqual(
            [tensor?.type, tensor?.shape, tensor?.bytes],
            [row.type, row.shape, bytes.length],
            row.name,
          )
          assert.deepEqual(Buffer.from(await file.read(row.name, 0, bytes.length)), bytes, row.name)
          assert.deepEqual(Buffer.from(await file.read(row.name, 1, 2)), bytes.subarray(1, 3))
        }
        await refuses(file.read(rows[0]?.name ?? '', 0, 1e6), 'bad-file', /outside tensor/)
      } finally {
        await file.close()
      }
    })
  }

  const refusals: Readonly<Record<string, readonly [string, RegExp]>> = {
    transposed: ['unsupported-arch', /tensor "w" is not stored row by row \(strides 1, 3\)/],
    'a column': ['unsupported-arch', /"w" is not stored row by row/],
    expanded: ['unsupported-arch', /"w" is not stored row by row \(strides 1, 0\)/],
    float64: ['unsupported-arch', /torch\.DoubleStorage; known: Float, Half, BFloat16/],
    int64: ['unsupported-arch', /torch\.LongStorage/],
    'before 1.6': ['unsupported-arch', /format of before PyTorch 1\.6/],
    'protocol 4': ['bad-file', /protocol 4; 2 and 3 can be read/],
    nested: ['bad-file', /entry "model" is not a tensor/],
    'a number': ['bad-file', /entry "epoch" is not a tensor/],
    'a list': ['bad-file', /does not hold a dictionary/],
    'a module': ['bad-file', /asks for "torch\.nn\.modules\.linear\.Linear", which is not allowed/],
    'an empty tensor': ['bad-file', /"w" has the impossible shape 0 x 2/],
  }
  const refused = json<Record<string, string>>('refused.json')
  it('every refused file has its reason below', () =>
    assert.deepEqual(Object.keys(refused), Object.keys(refusals)))
  for (const [name, [code, says]] of Object.entries(refusals)) {
    it(`refuses ${name}`, () =>
      refuses(readPth(memorySource(Buffer.from(refused[name] ?? '', 'base64'))), code, says))
  }
})

describe('PyTorch checkpoints that want to run code', () => {
  const hostile = json<Record<string, string>>('hostile.json')
  const says: readonly (readonly [RegExp, RegExp])[] = [
    [
      /protocol 0$/,
      /instruction (GET|PUT|UNICODE|INT|STRING|PERSID|DICT) \(0x[0-9a-f]{2}\)|asks for "[\w.]+", which is not allowed/,
    ],
    [/, protocol 4$/, /protocol 4; 2 and 3 can be read/],
    [/^a dictionary with a constructor, protocol 2$/, /makes an OrderedDict out of something/],
    [
      /, protocol 2$/,
      /asks for "(posix\.system|io\.open|__builtin__\.\w+|torch[\w.]+|collections\.(defaultdict|Counter))", which is not allowed; nothing of it was run/,
    ],
    [
      /^(INST|OBJ|EXT1|NEWOBJ|PERSID)$/,
      /instruction (STRING|INST|OBJ|EXT1|NEWOBJ|PERSID) \(0x|asks for "os\.system"/,
    ],
    [/^STACK_GLOBAL$/, /protocol 4/],
    [/^state of a global$/, /gives a state to something that is not a dictionary/],
    [/^a call of a storage type$/, /calls "torch\.FloatStorage", which is not allowed/],
  ]
  it('there are all of them', () => assert.equal(Object.keys(hostile).length, 47))
  for (const [name, pickle] of Object.entries(hostile)) {
    it(name, () => {
      const expected = says.find(([row]) => row.test(name))?.[1]
      assert.ok(expected)
      return refuses(readPth(memorySource(checkpoint(Buffer.from(pickle, 'base64')))), 'bad-file', expected)
    })
  }
})

describe('PyTorch checkpoints: broken files', () => {
  const { entries, pickle } = parts()
  const replace = (name: string, change: Partial<ZipEntry> | undefined): Buffer =>
    writeZip(
      entries.flatMap((entry) =>
        entry.name !== name ? [entry] : change === undefined ? [] : [{ ...entry, ...change }],
      ),
    )
  const rows: readonly { name: string; file: Buffer; says: RegExp }[] = [
    { name: 'an empty file', file: Buffer.alloc(0), says: /too short/ },
    {
      name: 'a text',
      file: Buffer.from('this is not a checkpoint at all'),
      says: /cannot be read: it has no directory/,
    },
    {
      name: 'an archive of something else',
      file: writeZip([{ name: 'a/b', data: Buffer.from('x') }]),
      says: /0 entries called data\.pkl/,
    },
    {
      name: 'two pickles',
      file: writeZip([...entries, { name: 'other/data.pkl', data: pickle, method: 'store' }]),
      says: /2 entries called data\.pkl/,
    },
    {
      name: 'an entry twice',
      file: writeZip([...entries, ...entries]),
      says: /it lists "archive\/data\.pkl" twice/,
    },
    { name: 'cut off', file: writeZip(entries).subarray(0, -60), says: /no directory/ },
    {
      name: 'a packed pickle',
      file: replace('archive/data.pkl', { method: 'deflate' }),
      says: /"archive\/data\.pkl" of the archive is packed/,
    },
    {
      name: 'a packed storage',
      file: replace('archive/data/0', { method: 'deflate' }),
      says: /"archive\/data\/0" of the archive is packed/,
    },
    {
      name: 'a pickle of 4 GB',
      file: replace('archive/data.pkl', { claimedBytes: 4e9 }),
      says: /pickle has 4000000000 bytes, more than the possible/,
    },
    {
      name: 'a storage is missing',
      file: replace('archive/data/3', undefined),
      says: /lacks the storage "3" of tensor "blocks\.0\.att\.time_decay"/,
    },
    {
      name: 'a short storage',
      file: replace('archive/data/0', { data: Buffer.alloc(39) }),
      says: /storage "0" has 39 bytes, but the pickle promises 40/,
    },
    {
      name: 'big-endian',
      file: replace('archive/byteorder', { data: Buffer.from('big') }),
      says: /big-endian/,
    },
    {
      name: 'an empty pickle',
      file: replace('archive/data.pkl', { data: Buffer.alloc(0) }),
      says: /pickle ends in the middle/,
    },
    {
      name: 'half a pickle',
      file: replace('archive/data.pkl', { data: pickle.subarray(0, 100) }),
      says: /pickle ends in the middle/,
    },
    {
      name: 'two pickles in one',
      file: replace('archive/data.pkl', { data: Buffer.concat([pickle, pickle]) }),
      says: /goes on after its end/,
    },
    { name: 'a directory that points nowhere', file: writeZip(entries).subarray(60), says: /directory/ },
  ]
  for (const { name, file, says } of rows) {
    it(name, () => refuses(readPth(memorySource(file)), 'bad-file', says))
  }

  it('whatever changes, it is read or refused', async () => {
    const whole = readFileSync(path.join(folder, 'rwkv.pth'))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.nat(255),
        fc.integer({ min: 1, max: whole.length }),
        async (at, byte, length) => {
          const changed = Uint8Array.from(whole.subarray(whole.length - length))
          if (at < length) changed[at] = byte
          await readOrRefuse(readPth(memorySource(changed)))
        },
      ),
      { numRuns: 1000 },
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(pickle.length - 1), fc.nat(255), async (at, byte) => {
        const changed = Buffer.from(pickle)
        changed[at] = byte
        await readOrRefuse(readPth(memorySource(checkpoint(changed, entries))))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('tensors that a pickle describes wrongly', () => {
  const storage = (more: string): string => `(X\x07\0\0\0storage${more}tQ`
  const whole = storage('ctorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06')
  const tensor = (place: string, offset: string, shape: string, strides: string): string =>
    `\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(${place}${offset}${shape}${strides}\x89)tRs.`
  const rows: readonly [string, string, RegExp][] = [
    [
      'behind its storage',
      tensor(whole, 'K\x03', 'K\x04\x85', 'K\x01\x85'),
      /needs values 3 to 7 of a storage that has 6/,
    ],
    [
      'before its storage',
      tensor(whole, 'J\xff\xff\xff\xff', 'K\x02\x85', 'K\x01\x85'),
      /in a way that PyTorch does not/,
    ],
    ['a negative dimension', tensor(whole, 'K\0', 'J\xff\xff\xff\xff\x85', 'K\x01\x85'), /in a way/],
    [
      'a dimension of 2^40',
      tensor(whole, 'K\0', '\x8a\x06\0\0\0\0\0\x01\x85', 'K\x01\x85'),
      /needs values 0 to 1099511627776/,
    ],
    [
      'a product over 2^53',
      tensor(whole, 'K\0', 'J\0\0\0\x40J\0\0\0\x40J\0\0\0\x40\x87', 'K\x01K\x01K\x01\x87'),
      /impossible shape/,
    ],
    [
      'nine dimensions',
      tensor(whole, 'K\0', `(${'K\x01'.repeat(9)}t`, `(${'K\x01'.repeat(9)}t`),
      /has 9 dimensions/,
    ],
    ['more strides than dimensions', tensor(whole, 'K\0', 'K\x02\x85', 'K\x02K\x01\x86'), /in a way/],
    ['a text as shape', tensor(whole, 'K\0', 'X\x01\0\0\x006', 'K\x01\x85'), /in a way/],
    ['a text as storage', tensor('X\x01\0\0\0s', 'K\0', 'K\x02\x85', 'K\x01\x85'), /in a way/],
    ['nothing', '\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n)Rs.', /in a way/],
    [
      'a parameter of nothing',
      '\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_parameter\n)Rs.',
      /makes a parameter/,
    ],
    [
      'a storage without count',
      tensor(storage('ctorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu'), 'K\0', ')', ')'),
      /not a storage/,
    ],
    [
      'a storage of another kind',
      tensor(storage('ccollections\nOrderedDict\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06'), 'K\0', ')', ')'),
      /storage of "collections\.OrderedDict"/,
    ],
    [
      'a storage with a path',
      tensor(storage('ctorch\nFloatStorage\nX\x04\0\0\0../xX\x03\0\0\0cpuK\x06'), 'K\0', ')', ')'),
      /lacks the storage "\.\.\/x"/,
    ],
    ['a persistent id of nothing', '\x80\x02NQ.', /persistent id that is not a storage/],
  ]
  for (const [name, pickle, says] of rows) {
    it(name, () =>
      refuses(readPth(memorySource(checkpoint(Buffer.from(pickle, 'latin1')))), 'bad-file', says),
    )
  }

  it('and rightly', async () => {
    const good = tensor(whole, 'K\x02', 'K\x02K\x02\x86', 'K\x02K\x01\x86')
    const tensors = await readPth(memorySource(checkpoint(Buffer.from(good, 'latin1'))))
    assert.deepEqual(tensors.get('w')?.shape, [2, 2])
  })
})

describe('unpickle', () => {
  const rules: PickleRules = {
    globals: new Map([['known.name', (items) => items.length]]),
    persistent: () => 'persistent',
    refuse: (problem) => new EngineError('bad-file', problem),
  }
  const run = (pickle: string): unknown => plain(unpickle(Buffer.from(pickle, 'latin1'), rules))

  const values: readonly [string, string, unknown][] = [
    ['none and truth', '\x80\x02(N\x88\x89t.', [null, true, false]],
    [
      'integers',
      '(K\xffM\xff\xffJ\xfe\xff\xff\xff\x8a\x02\xff\x7f\x8a\x01\xff\x8a\x00t.',
      [255, 65535, -2, 32767, -1, 0],
    ],
    ['a float', 'G\x3f\xf8\0\0\0\0\0\0.', 1.5],
    ['texts', '(X\x02\0\0\0\xc3\xa9U\x01at.', ['é', 'a']],
    ['tuples', '()K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87t.', [[], [1], [1, 2], [1, 2, 3]]],
    ['lists', ']K\x01a(K\x02K\x03e.', [1, 2, 3]],
    ['dictionaries', '}U\x01aK\x01s(U\x01bK\x02U\x01cK\x03u.', { a: 1, b: 2, c: 3 }],
    ['memory', 'U\x01aq\x05(h\x05r\x07\x01\0\0j\x07\x01\0\0t\x86.', ['a', ['a', 'a']]],
    ['a call', 'cknown\nname\nK\x01K\x02\x86R.', 2],
    ['a persistent id', 'NQ.', 'persistent'],
    ['a state, which is left out', '}U\x01aK\x01s}b.', { a: 1 }],
    ['names of JavaScript as keys', '}U\x09__proto__K\x01s.', JSON.parse('{"__proto__":1}')],
  ]
  for (const [name, pickle, expected] of values) {
    it(name, () => {
      assert.deepEqual(run(pickle), expected)
    })
  }

  it('a list that holds itself is a value like any other', () => {
    const list = unpickle(Buffer.from(']q\0h\0a.', 'latin1'), rules)
    assert.ok(list instanceof PickleList)
    assert.equal(list.items[0], list)
  })

  const errors: readonly [string, string, RegExp][] = [
    ['lists in lists, a million deep', `${']'.repeat(1_000_000)}.`, /stack of its pickle grows over 65536/],
    ['marks without end', `${'('.repeat(1_000_000)}.`, /stack of its pickle grows over 65536/],
    ['a text of 4 GB', 'X\xff\xff\xff\xff', /text of 4294967295 bytes, more than the possible/],
    ['a text longer than the file', 'X\xff\0\0\0ab.', /ends in the middle/],
    ['a number of 255 bytes', '\x8a\xff' + 'a'.repeat(255), /number of 255 bytes/],
    ['a number over 2^53', '\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.', /has the number 9223372036854775807/],
    ['a protocol of the future', '\x80\x09N.', /protocol 9/],
    ['nothing on the stack', '.', /takes more from the stack/],
    ['a tuple of nothing', '\x86.', /takes more from the stack/],
    ['a tuple from under a mark', 'K\x01(\x85.', /takes more from the stack/],
    ['no mark', 'K\x01t.', /goes back to a mark/],
    ['values left over', 'K\x01K\x02.', /values left over/],
    ['a mark left over', '(K\x01.', /values left over/],
    ['bytes after the end', 'N.N', /goes on after its end/],
    ['memory of nothing', 'h\x05.', /recalls value 5/],
    ['a place in memory, filled by nothing', 'q\x05.', /takes more from the stack/],
    ['an item for a number', 'K\x01K\x02a.', /appends to something that is not a list/],
    ['an entry for a list', ']K\x01K\x02s.', /not a dictionary/],
    ['a key without a value', '}(U\x01au.', /key without a value/],
    ['a key that is a number', '}K\x01K\x02s.', /key that is not a text/],
    ['a key twice', '}U\x01aK\x01sU\x01aK\x01s.', /"a" twice/],
    ['a state of a number', 'K\x01K\x02b.', /gives a state/],
    ['a global without end', 'cos', /ends in the middle/],
    [
      'an unknown global',
      'cos\nsystem\n.',
      /asks for "os\.system", which is not allowed; nothing of it was run/,
    ],
    ['a global of JavaScript', 'cconstructor\nprototype\n.', /asks for "constructor\.prototype"/],
    ['a call of a number', 'K\x01)R.', /calls a value/],
    ['a call without a tuple', 'cknown\nname\nK\x01R.', /calls "known\.name"/],
    ['an unknown instruction', '\x00.', /instruction 0x00/],
  ]
  for (const [name, pickle, says] of errors) {
    it(`refuses ${name}`, () =>
      assert.throws(
        () => run(pickle),
        (error) => isRefusal(error, 'bad-file', says),
      ))
  }
})

function plain(value: PickleValue): unknown {
  if (value instanceof PickleTuple || value instanceof PickleList) return value.items.map(plain)
  if (value instanceof PickleDict)
    return Object.fromEntries([...value.entries].map(([key, item]) => [key, plain(item)]))
  return value
}

/** A checkpoint with another pickle. */
function checkpoint(pickle: Buffer, others: readonly ZipEntry[] = parts().entries): Buffer {
  return writeZip(
    others.map((entry) => (entry.name === 'archive/data.pkl' ? { ...entry, data: pickle } : entry)),
  )
}

/** The entries of rwkv.pth that matter, made anew: what PyTorch writes is one of many archives with these contents. */
function parts(): { entries: ZipEntry[]; pickle: Buffer } {
  const file = readFileSync(path.join(folder, 'rwkv.pth'))
  const start = file.indexOf('\x80\x02}', 0, 'latin1')
  const pickle = file.subarray(start, start + file.readUInt32LE(file.indexOf('PK\x01\x02', 0, 'latin1') + 24))
  const stored = (name: string, data: Buffer): ZipEntry => ({
    name: `archive/${name}`,
    data,
    method: 'store',
  })
  const bytes = [40, 8, 8, 16, 32].map((length, i) => stored(`data/${i}`, Buffer.alloc(length)))
  return {
    entries: [stored('data.pkl', pickle), stored('byteorder', Buffer.from('little')), ...bytes],
    pickle,
  }
}

async function readOrRefuse(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch (error) {
    assert.ok(
      error instanceof EngineError && ['bad-file', 'unsupported-arch'].includes(error.code),
      String(error),
    )
  }
}

async function refuses(promise: Promise<unknown>, code: string, says: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => isRefusal(error, code, says))
}

function isRefusal(error: unknown, code: string, says: RegExp): boolean {
  assert.ok(error instanceof EngineError, String(error))
  assert.equal(error.code, code, error.message)
  assert.match(error.message, says)
  return true
}

function json<T>(name: string): T {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as T
}
