// The runtime ladder against real processes: small scripts play engines that work, fail, hang and babble.
import assert from 'node:assert/strict'
import {
  mkdtempSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createLog } from '../../engine/base/log'
import { EngineError } from '../../engine/protocol/errors'
import {
  candidates,
  choose,
  findRuntime,
  probe,
  readProbe,
  runtimeEnvironment,
  stillHolds,
  type ProbeResult,
  type Runtime,
  type Surroundings,
} from '../../extension/launch'

const never = new AbortController().signal
const thisNode: Runtime = { title: 'node', command: process.execPath, env: {} }

describe('launch', () => {
  let folder = ''
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'hearth-launch-'))))
  after(() => rmSync(folder, { recursive: true }))

  function script(name: string, code: string): string {
    const file = path.join(folder, `${name}.js`)
    writeFileSync(file, code)
    return file
  }
  // A runtime of its own name and making: a shell script standing for `node`.
  function runtimeFile(name: string, body: string): string {
    const bin = path.join(folder, name)
    mkdirSync(bin, { recursive: true })
    const file = path.join(bin, 'node')
    writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 })
    return file
  }
  const says = (line: string): string => `echo '${line}'`

  describe('probe', () => {
    const rows: [name: string, code: string, expected: ProbeResult | RegExp][] = [
      [
        'works',
        `if (process.argv[2] === 'probe') console.log(JSON.stringify({ node: process.versions.node, webgpu: 'ok' }))`,
        { ok: true, node: process.versions.node, webgpu: 'ok' },
      ],
      [
        'no GPU',
        `console.log(JSON.stringify({ node: 'v22.1.0', webgpu: 'no adapter' }))`,
        { ok: true, node: '22.1.0', webgpu: 'no adapter' },
      ],
      [
        'a driver that prints',
        `console.log('MESA: warning'); console.log('{"node":"20.9.0","webgpu":"ok"}'); console.log('{bye}')`,
        { ok: true, node: '20.9.0', webgpu: 'ok' },
      ],
      [
        'exit code',
        `console.error('first'); console.error('External buffers'); process.exit(3)`,
        /^exit code 3: External buffers$/,
      ],
      ['crash', `process.kill(process.pid, 'SIGSEGV')`, /^SIGSEGV/],
      ['silence', ``, /printed no result/],
      ['old', `console.log('{"node":"18.20.0","webgpu":"ok"}')`, /18\.20\.0 is older than 20\.9, which/],
      [
        'a little too old',
        `console.log('{"node":"v20.8.1","webgpu":"ok"}')`,
        /v20\.8\.1 is older than 20\.9, which/,
      ],
      ['other JSON', `console.log('{"node":20,"webgpu":true}')`, /printed no result/],
      ['hang', `setInterval(() => {}, 1000)`, /no answer within 0\.5 s/],
      ['flood', `process.stdout.write('x'.repeat(5e6)); process.exitCode = 1`, /^exit code 1$/],
    ]
    for (const [name, code, expected] of rows) {
      it(name, async () => {
        const result = await probe(thisNode, script(name, code), never, name === 'hang' ? 500 : 10_000)
        if (expected instanceof RegExp)
          assert.match(result.ok ? JSON.stringify(result) : result.reason, expected)
        else assert.deepEqual(result, expected)
      })
    }

    it('a runtime that does not exist is a finding', async () => {
      const result = await probe({ ...thisNode, command: path.join(folder, 'absent') }, 'x.js', never)
      assert.ok(!result.ok && result.reason.includes('ENOENT'))
    })

    it('stops with its signal and leaves no process behind', async () => {
      const abort = new AbortController()
      const pidFile = path.join(folder, 'pid')
      const file = script(
        'abort',
        `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); console.log(1); setInterval(() => {}, 1000)`,
      )
      const running = probe(thisNode, file, abort.signal)
      const { existsSync, readFileSync } = await import('node:fs')
      while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '')
        await new Promise((done) => setTimeout(done, 10))
      abort.abort()
      await assert.rejects(running, { name: 'AbortError' })
      assert.throws(() => process.kill(Number(readFileSync(pidFile, 'utf8')), 0), { code: 'ESRCH' })
    })
  })

  describe('candidates', () => {
    const around = (change: Partial<Surroundings>): Surroundings => ({
      nodePath: '',
      execPath: '/opt/code/code',
      electron: true,
      path: '',
      ...change,
    })
    it('the setting, then Electron as Node.js, then node on PATH', () => {
      const onPath = runtimeFile('on-path', 'true')
      const rungs = candidates(
        around({ nodePath: '~/bin/node', path: `/absent${path.delimiter}${path.dirname(onPath)}` }),
      )
      assert.deepEqual(
        rungs.map(({ title, env }) => [title, env]),
        [
          ['hearth.engine.nodePath', {}],
          ['Electron as Node.js', { ELECTRON_RUN_AS_NODE: '1' }],
          ['node on PATH', {}],
        ],
      )
      assert.match(rungs[0]?.command ?? '', /^\/.*\/bin\/node$/)
      assert.equal(rungs[2]?.command, onPath)
    })
    it('code-server: the host is plain Node.js, found on PATH once more under a link', () => {
      const bin = path.join(folder, 'linked')
      mkdirSync(bin)
      symlinkSync(process.execPath, path.join(bin, 'node'))
      const rungs = candidates(around({ execPath: process.execPath, electron: false, path: bin }))
      assert.deepEqual(rungs, [{ title: "the editor's own Node.js", command: process.execPath, env: {} }])
    })
    it('nothing on PATH', () => {
      assert.equal(candidates(around({ path: folder })).length, 1)
    })
  })

  it('choose: WebGPU first, then the first that runs, else none', () => {
    const attempt = (title: string, result: ProbeResult): { runtime: Runtime; result: ProbeResult } => ({
      runtime: { ...thisNode, title },
      result,
    })
    const broken = attempt('broken', { ok: false, reason: 'exit code 1' })
    const cpu = attempt('cpu', { ok: true, node: '20.0.0', webgpu: 'no adapter' })
    const cpu2 = attempt('cpu2', { ok: true, node: '20.0.0', webgpu: 'no adapter' })
    const gpu = attempt('gpu', { ok: true, node: '20.0.0', webgpu: 'ok' })
    assert.equal(choose([broken, cpu, gpu])?.title, 'gpu')
    assert.equal(choose([broken, cpu, cpu2])?.title, 'cpu')
    assert.equal(choose([broken]), undefined)
    assert.equal(choose([]), undefined)
  })

  describe('the whole ladder', () => {
    const gpu = says('{"node":"22.0.0","webgpu":"ok"}')
    const noGpu = says('{"node":"20.9.0","webgpu":"External buffers are not allowed"}')
    const rows: [
      name: string,
      setting: string,
      editor: string,
      onPath: string,
      wantsGpu: boolean,
      log: string[],
    ][] = [
      ['the setting wins', gpu, gpu, gpu, true, ['setting: WebGPU works', 'runs on setting']],
      [
        'Electron without external buffers',
        '',
        noGpu,
        gpu,
        true,
        ['editor: no WebGPU', 'path: WebGPU works', 'runs on path'],
      ],
      [
        'no GPU anywhere: the first that runs',
        'exit 1',
        noGpu,
        noGpu,
        true,
        ['setting: failed', 'editor: no WebGPU', 'path: no WebGPU', 'runs on editor'],
      ],
      [
        'the processor is asked for: nobody needs WebGPU',
        '',
        noGpu,
        gpu,
        false,
        ['editor: no WebGPU', 'runs on editor'],
      ],
      [
        'nothing runs',
        'exit 1',
        'exit 1',
        'exit 1',
        true,
        ['setting: failed', 'editor: failed', 'path: failed', 'error'],
      ],
    ]
    for (const [name, setting, editor, onPath, wantsGpu, expected] of rows) {
      it(name, async () => {
        const id = name.replace(/\W/g, '')
        const around: Surroundings = {
          nodePath: setting === '' ? '' : runtimeFile(`${id}-setting`, setting),
          execPath: runtimeFile(`${id}-editor`, editor),
          electron: false,
          path: path.dirname(runtimeFile(`${id}-path`, onPath)),
        }
        const lines: string[] = []
        const log = createLog((_level, text) => lines.push(text))
        try {
          await findRuntime('engine.js', around, { wantsGpu }, log, never)
        } catch (error) {
          assert.ok(error instanceof EngineError && /hearth\.engine\.nodePath/.test(error.hint ?? ''))
          lines.push('error')
        }
        const short = lines.map((line) =>
          line
            .replace(
              /^Tried .*-(setting|editor|path)\/node\): (.*)$/,
              (_all, rung: string, verdict: string) =>
                `${rung}: ${/works/.test(verdict) ? 'WebGPU works' : /does not work/.test(verdict) ? 'no WebGPU' : 'failed'}`,
            )
            .replace(/^The engine runs on .*-(setting|editor|path)\/node\)$/, 'runs on $1'),
        )
        assert.deepEqual(short, expected)
      })
    }
  })

  it('the last line that is JSON counts', () => {
    assert.deepEqual(readProbe('{"node":"20.9.0","webgpu":"no"}\n{"node":"20.9.0","webgpu":"ok"}\n'), {
      ok: true,
      node: '20.9.0',
      webgpu: 'ok',
    })
  })

  it('a choice holds until the setting changes, or a GPU is wanted that nobody looked for', async () => {
    const noGpu = says('{"node":"20.9.0","webgpu":"External buffers are not allowed"}')
    const gpu = says('{"node":"22.0.0","webgpu":"ok"}')
    const rows: [body: string, lookedForGpu: boolean, nodePath: string, wantsGpu: boolean, holds: boolean][] =
      [
        [noGpu, false, '', false, true],
        [noGpu, false, '', true, false],
        [noGpu, true, '', true, true],
        [gpu, false, '', true, true],
        [gpu, true, '', false, true],
        [gpu, true, '/other/node', true, false],
      ]
    for (const [i, [body, lookedForGpu, nodePath, wantsGpu, holds]] of rows.entries()) {
      const execPath = runtimeFile(`holds-${i}`, body)
      const around: Surroundings = { nodePath: '', execPath, electron: false, path: '' }
      const choice = await findRuntime(
        'engine.js',
        around,
        { wantsGpu: lookedForGpu },
        createLog(() => undefined),
        never,
      )
      assert.equal(stillHolds(choice, { nodePath, wantsGpu }), holds, `row ${i}`)
    }
  })

  it('engine and extension name nothing that the oldest Node.js lacks', () => {
    const newer = /\.parentPath\b|\bPromise\.withResolvers\b|\bArray\.fromAsync\b|\bPromise\.try\b/
    const files = ['engine', 'extension'].flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => path.join(root, name)),
    )
    assert.ok(files.length > 50)
    const isNewer = (line: string): boolean => !line.trim().startsWith('//') && newer.test(line)
    assert.deepEqual(
      files.filter((file) => readFileSync(file, 'utf8').split('\n').some(isNewer)),
      [],
    )
  })

  it("does not hand the user's NODE_OPTIONS to the engine", () => {
    const before = process.env['NODE_OPTIONS']
    process.env['NODE_OPTIONS'] = '--require ./tracer.js'
    try {
      const environment = runtimeEnvironment({ ...thisNode, env: { ELECTRON_RUN_AS_NODE: '1' } })
      assert.equal(environment['NODE_OPTIONS'], undefined)
      assert.equal(environment['ELECTRON_RUN_AS_NODE'], '1')
      assert.equal(environment['PATH'], process.env['PATH'])
    } finally {
      if (before === undefined) delete process.env['NODE_OPTIONS']
      else process.env['NODE_OPTIONS'] = before
    }
  })
})
