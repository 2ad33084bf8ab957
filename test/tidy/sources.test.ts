// House rules that no linter knows: how files open, what they must not say, how big they may be.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'

const largestBytes = 1_000_000

/** What a line must not contain, in which files, and what to do instead. */
const forbidden: readonly { name: string; pattern: RegExp; files: RegExp; instead: string }[] = [
  {
    name: 'console',
    pattern: /\bconsole\.(log|error|warn|info|debug)\(/,
    files: /^(engine|extension|webview)\//,
    instead: 'use the Log that is passed in; stdout belongs to the protocol',
  },
  {
    name: 'process.exit',
    pattern: /\bprocess\.exit\(/,
    files: /^(?!engine\/main\.ts$)(engine|extension|webview)\//,
    instead: 'return an exit code to engine/main.ts',
  },
  {
    name: 'test left out',
    pattern: /\b(describe|it|context)\.(only|skip)\(|\bthis\.skip\(|\bx(it|describe)\(/,
    files: /^test\/.*\.ts$/,
    instead: 'a suite that cannot run somewhere names its need in test/run.mjs',
  },
  {
    name: 'unfinished',
    pattern: new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].map((word) => `\\b${word}\\b`).join('|')),
    files: /\.(ts|mjs|cjs|wgsl|css|sh|py)$/,
    instead: 'finish it or leave it out',
  },
  {
    name: 'type hole',
    pattern: /@ts-(ignore|expect-error|nocheck)|eslint-disable|\bas any\b|: any(?=\s*[,;)=|&>[\]]|$)/,
    files: /\.ts$/,
    instead: 'say what the type is',
  },
  {
    name: 'path of one machine',
    // `/home/me` stands for anybody's in tests of path rules.
    pattern: /(?<![\w.])\/(home|Users)\/(?!me\b)\w|(?<![\w.])\/root\/\w/,
    files: /(?<!package-lock\.json)$/,
    instead: 'derive it from the checkout, the environment or a temporary folder',
  },
  {
    name: 'package registry',
    // In pieces, so that this file does not name one.
    pattern: new RegExp(
      [
        ['registry', 'npmjs', 'org'],
        ['registry', 'yarnpkg', 'com'],
        ['pypi', 'org'],
        ['files', 'pythonhosted', 'org'],
        ['deb', 'debian', 'org'],
      ]
        .map((host) => host.join('\\.'))
        .join('|'),
    ),
    files: /./,
    instead: "leave the host to the package client's own configuration",
  },
]

describe('sources', () => {
  const files = trackedFiles()
  const texts = new Map(
    files.filter(isText).map((file): [string, string] => [file, readFileSync(file, 'utf8')]),
  )

  for (const { name, pattern, files: where, instead } of forbidden) {
    it(`no ${name}`, () => {
      const found = [...texts]
        .filter(([file]) => where.test(file) && file !== 'test/tidy/sources.test.ts')
        .flatMap(([file, text]) =>
          text
            .split('\n')
            .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1} ${line.trim()}`] : [])),
        )
      assert.deepEqual(found, [], instead)
    })
  }

  it('every file opens with a sentence that says what it is for', () => {
    const opening: Record<string, RegExp> = {
      ts: /^(\/\/ \S+ .+|\/\*\* \S+ .+)/,
      mjs: /^\/\/ \S+ .+/,
      cjs: /^\/\/ \S+ .+/,
      wgsl: /^\/\/ \S+ .+/,
      css: /^\/\* \S+ .+/,
      sh: /^#!.*\n# \S+ .+/,
      py: /^(#!.*\n)?(# |""")\S+ .+/,
    }
    const silent = [...texts].filter(([file, text]) => {
      const pattern = opening[file.split('.').at(-1) ?? '']
      return pattern !== undefined && !pattern.test(text)
    })
    assert.deepEqual(
      silent.map(([file]) => file),
      [],
    )
  })

  it('files are named in kebab-case, and none is a drawer', () => {
    const code = files.filter((file) =>
      /^(engine|extension|webview|test)\/.*\.(ts|mjs|cjs|wgsl|css)$/.test(file),
    )
    const odd = code.filter((file) => {
      const name = file.split('/').at(-1) ?? ''
      // Quantization types are spelled as everybody spells them: q4_k.
      return (
        !/^[a-z0-9]+([-_][a-z0-9]+)*(\.[a-z]+)+$/.test(name) ||
        /^(utils?|helpers?|misc|common|index)\./.test(name)
      )
    })
    assert.deepEqual(odd, [])
  })

  it(`no file is larger than ${largestBytes / 1e6} MB, and none is a package`, () => {
    const large = files.filter((file) => statSync(file).size > largestBytes)
    assert.deepEqual(large, [])
    const packed = files.filter((file) => /\.(whl|vsix|tgz|node)$/.test(file))
    assert.deepEqual(packed, [])
  })

  it('reads some files', () => {
    assert.ok(texts.size > 100, `only ${texts.size} files`)
  })
})

function trackedFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return listed.split('\0').filter((file) => file !== '' && existsSync(file) && statSync(file).isFile())
}

function isText(file: string): boolean {
  return !/\.(gguf|png|ico|safetensors|gz|zip|vsix)$/.test(file)
}
