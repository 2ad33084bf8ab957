// Which files an import may mean.
import assert from 'node:assert/strict'
import { relativeImports } from '../../../../engine/complete/other-files/imports'

describe('relative imports', () => {
  const rows: [languageId: string, line: string, first: string[]][] = [
    ['typescript', "import { a } from './a'", ['./a.ts', './a.tsx']],
    ['typescript', "import type { a } from '../b/a.js'", ['../b/a.ts', '../b/a.js']],
    ['typescript', "import fs from 'node:fs'", []],
    ['javascript', "const a = require('./a')", ['./a.ts', './a.tsx']],
    ['javascript', "export * from './a.mjs'", ['./a.mts', './a.mjs']],
    ['javascript', "await import('./a.js')", ['./a.ts', './a.js']],
    ['python', 'from .a import b', ['./a.py', './a/__init__.py']],
    ['python', 'from ..a.b import c', ['./../a/b.py', './../a/b/__init__.py']],
    ['python', 'from . import b', ['./__init__.py']],
    ['python', 'import os', []],
    ['cpp', '#include "a/b.h"', ['./a/b.h']],
    ['cpp', '#include <vector>', []],
    ['rust', 'pub mod a;', ['./a.rs', './a/mod.rs']],
    ['ruby', "require_relative 'a'", ['./a.rb']],
    ['plaintext', "import './a'", []],
  ]
  for (const [languageId, line, first] of rows) {
    it(`${languageId}: ${line}`, () =>
      assert.deepEqual(relativeImports(`${line}\n`, languageId)[0]?.slice(0, 2) ?? [], first))
  }

  it('the same file is looked for once', () =>
    assert.equal(relativeImports("import a from './a'\nimport b from './a'\n", 'typescript').length, 1))
})
