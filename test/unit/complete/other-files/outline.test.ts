// What lines of code declare, by language.
import assert from 'node:assert/strict'
import { outline } from '../../../../engine/complete/other-files/outline'

describe('outline', () => {
  const rows: [languageId: string, text: string, declared: string[]][] = [
    [
      'typescript',
      'export function add(a: number, b: number): number {\n  return a + b\n}',
      ['add: export function add(a: number, b: number): number'],
    ],
    [
      'typescript',
      'function add(\n  a: number,\n  b: number,\n): number {\n  return a\n}',
      ['add: function add(\n  a: number,\n  b: number,\n): number'],
    ],
    [
      'typescript',
      'export interface Point {\n  x: number\n  /** Down. */\n  y: number\n}',
      ['Point: export interface Point\n  x: number\n  y: number'],
    ],
    [
      'typescript',
      'class Box {\n  open(key: Key): void {\n    lock(key)\n  }\n}',
      ['Box: class Box\n  open(key: Key): void', '.open:   open(key: Key): void'],
    ],
    ['typescript', "describe('a', () => {\n  it('b', function () {\n    if (c) {\n    }\n  })\n})", []],
    ['javascript', 'const limit = 3', ['limit: const limit = 3']],
    ['javascript', 'exports.parse = parse', ['parse: exports.parse = parse']],
    [
      'python',
      'class Box(Base):\n    def open(self, key: str) -> bool:\n        return True',
      [
        'Box: class Box(Base):\n    def open(self, key: str) -> bool:',
        '.open:     def open(self, key: str) -> bool:',
      ],
    ],
    [
      'python',
      'async def get(\n    url: str,\n) -> bytes:\n    pass',
      ['get: async def get(\n    url: str,\n) -> bytes:'],
    ],
    [
      'go',
      'func (b *Box) Open(key string) error {\n\treturn nil\n}',
      ['Open: func (b *Box) Open(key string) error'],
    ],
    ['go', 'type Box struct {\n\tKey string\n}', ['Box: type Box struct\n\tKey string']],
    [
      'rust',
      'pub fn open<T>(key: T) -> Result<(), Error> {\n    Ok(())\n}',
      ['open: pub fn open<T>(key: T) -> Result<(), Error>'],
    ],
    [
      'rust',
      'impl Box {\n    pub(crate) fn open(&self) {\n    }\n}',
      ['.open:     pub(crate) fn open(&self)'],
    ],
    [
      'java',
      'public class Box {\n    public static int open(String key) {\n        return 1;\n    }\n}',
      [
        'Box: public class Box\n    public static int open(String key)',
        '.open:     public static int open(String key)',
      ],
    ],
    [
      'cpp',
      'class Box {\n  bool open(const std::string& key) const;\n};',
      [
        'Box: class Box\n  bool open(const std::string& key) const;',
        '.open:   bool open(const std::string& key) const;',
      ],
    ],
    ['cpp', 'std::size_t Box::size() const {\n  return n;\n}', ['size: std::size_t Box::size() const']],
    [
      'c',
      '#define LIMIT 3\nint add(int a, int b);\n  return add(1, 2);',
      ['LIMIT: #define LIMIT 3', 'add: int add(int a, int b);'],
    ],
    ['ruby', 'def open(key)\nend', ['open: def open(key)']],
    ['plaintext', 'function add() {}', []],
    ['typescript', `export const table = '${'x'.repeat(300)}'`, []],
  ]
  for (const [languageId, text, declared] of rows) {
    it(`${languageId}: ${JSON.stringify(text.slice(0, 60))}`, () =>
      assert.deepEqual(
        outline(text, languageId).map((one) => `${one.isMember ? '.' : ''}${one.name}: ${one.text}`),
        declared,
      ))
  }
})
