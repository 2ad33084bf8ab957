// Runs the test suites that this machine can run, lists the others with the reason, and ends with one line of counts.
//
//   node test/run.mjs [--verbose] [suite ...]     `ops` selects `ops-lavapipe` and `ops-swiftshader` too
//   HEARTH_TEST_REQUIRE_ALL=1                     a suite that cannot run is a failure (set by .ci/run)
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
process.chdir(root)

const defaultModel = 'smollm2-135m-instruct'
const gemma = 'gemma-3-270m'
const swiftshaderDriver = '/usr/lib/chromium/vk_swiftshader_icd.json'
const lavapipeDriver = findLavapipe()
const lavapipe = { VK_DRIVER_FILES: lavapipeDriver, HEARTH_TEST_ADAPTER: 'llvmpipe' }
const swiftshader = { VK_DRIVER_FILES: swiftshaderDriver, HEARTH_TEST_ADAPTER: 'SwiftShader' }
const noDriver = { VK_DRIVER_FILES: path.join(root, 'dist', 'no-such-driver.json') }

const inFolder = (folder) => (file) => file.startsWith(`${folder}/`)
const onGpu = (file) => path.basename(file).startsWith('webgpu-')
const onCpu = (file) => path.basename(file).startsWith('cpu-')

/**
 * One row per suite. `takes` chooses among the test files by their path below test/, `env` is added to the
 * environment, `needs` are keys of the table below, `minutes` bounds the whole suite.
 */
const suites = [
  { name: 'tidy', takes: inFolder('tidy'), needs: ['git'], minutes: 2 },
  { name: 'unit', takes: inFolder('unit'), needs: [], minutes: 5 },
  // The minutes are for HEARTH_FUZZ_INPUTS, and for machines that do much else.
  { name: 'fuzz', takes: inFolder('fuzz'), needs: [], minutes: 60 },
  {
    name: 'arch',
    takes: (file) => inFolder('oracle')(file) || (inFolder('arch')(file) && !onGpu(file)),
    needs: [],
    minutes: 5,
  },
  {
    name: 'arch-lavapipe',
    takes: (file) => inFolder('arch')(file) && onGpu(file),
    needs: ['lavapipe'],
    env: lavapipe,
    minutes: 5,
  },
  {
    name: 'arch-swiftshader',
    takes: (file) => inFolder('arch')(file) && onGpu(file),
    needs: ['swiftshader'],
    env: swiftshader,
    minutes: 10,
  },
  { name: 'ops-cpu', takes: (file) => inFolder('ops')(file) && onCpu(file), needs: [], minutes: 5 },
  {
    name: 'ops-lavapipe',
    takes: (file) => inFolder('ops')(file) && !onCpu(file),
    needs: ['lavapipe'],
    env: lavapipe,
    minutes: 10,
  },
  {
    name: 'ops-swiftshader',
    takes: (file) => inFolder('ops')(file) && !onCpu(file),
    needs: ['swiftshader'],
    env: swiftshader,
    minutes: 15,
  },
  { name: 'extension', takes: inFolder('extension'), needs: [], minutes: 5 },
  { name: 'lsp', takes: inFolder('lsp'), needs: [], minutes: 5 },
  {
    name: 'cli',
    takes: (file) => inFolder('cli')(file) && !file.startsWith('cli/disk-') && !file.startsWith('cli/pip-'),
    needs: [],
    minutes: 5,
  },
  { name: 'cli-disk', takes: (file) => file.startsWith('cli/disk-'), needs: ['mount'], minutes: 2 },
  { name: 'cli-pip', takes: (file) => file.startsWith('cli/pip-'), needs: ['pip'], minutes: 3 },
  { name: 'bench', takes: inFolder('bench'), needs: ['lavapipe'], env: lavapipe, minutes: 5 },
  { name: 'webview', takes: inFolder('webview'), needs: ['chromium', 'tools'], minutes: 5 },
  {
    name: 'real-model',
    takes: (file) => inFolder('real-model')(file) && !onGpu(file),
    needs: ['model'],
    minutes: 10,
  },
  {
    name: 'real-model-lavapipe',
    takes: (file) => inFolder('real-model')(file) && onGpu(file),
    needs: ['model', 'lavapipe'],
    env: lavapipe,
    minutes: 10,
  },
  {
    name: 'peer',
    takes: inFolder('peer'),
    needs: ['peer', 'model', 'gemma', 'lavapipe'],
    env: lavapipe,
    minutes: 40,
  },
  { name: 'package', takes: inFolder('package'), needs: ['tools', 'vsix'], minutes: 5 },
  {
    name: 'vscode',
    takes: (file) => inFolder('vscode')(file) && !onCpu(file),
    needs: ['vscode', 'tools', 'chromium', 'vsix', 'model', 'lavapipe'],
    env: lavapipe,
    minutes: 15,
  },
  {
    name: 'vscode-cpu',
    takes: (file) => inFolder('vscode')(file) && onCpu(file),
    needs: ['vscode', 'tools', 'chromium', 'vsix', 'model'],
    env: noDriver,
    minutes: 10,
  },
]

/** What a suite may need: `missing()` is undefined when it is there, else the reason; `get` is how to get it. */
const needs = {
  git: {
    missing: () => (runs('git', ['rev-parse', '--git-dir']) ? undefined : 'this is not a git checkout'),
    get: 'clone the repository',
  },
  lavapipe: {
    missing: () => adapterMissing(lavapipeDriver, 'llvmpipe'),
    get: 'install Mesa 25 or newer (Debian: mesa-vulkan-drivers from backports) and libvulkan1, or run .ci/run',
  },
  swiftshader: {
    missing: () => adapterMissing(swiftshaderDriver, 'SwiftShader'),
    get: "install Debian's chromium and libvulkan1, or run .ci/run",
  },
  chromium: {
    missing: () =>
      runs(process.env.CHROMIUM ?? '/usr/bin/chromium', ['--version']) ? undefined : 'no /usr/bin/chromium',
    get: 'install Chromium; the variable CHROMIUM names another path',
  },
  tools: {
    missing: () => folderMissing('test/tools/node_modules/playwright-core'),
    get: 'npm ci --ignore-scripts --omit=optional --prefix test/tools',
  },
  peer: {
    missing: () => folderMissing('test/peer/node_modules/node-llama-cpp'),
    get: 'npm ci --ignore-scripts --prefix test/peer',
  },
  vscode: {
    missing: () => folderMissing('test/vscode/node_modules/code-server'),
    get: 'test/vscode/install.sh, or run .ci/run',
  },
  vsix: { missing: vsixMissing, get: 'npm run package' },
  mount: {
    missing: () => (canMount() ? undefined : 'no file system of its own can be mounted for a process'),
    get: 'run as root, or allow unprivileged user namespaces (Linux)',
  },
  pip: {
    missing: () => (runs('python3', ['-m', 'pip', '--version']) ? undefined : 'no python3 with pip'),
    get: "install Python's pip (Debian: python3-pip)",
  },
  model: { missing: () => modelMissing(defaultModel), get: `node dist/engine.js models get ${defaultModel}` },
  gemma: { missing: () => modelMissing(gemma), get: `node dist/engine.js models get ${gemma}` },
}

const work = mkdtempSync(path.join(tmpdir(), 'hearth-test-'))
const findings = new Map()
const modelPaths = {}
let vsixPath

process.exitCode = await main(process.argv.slice(2))
rmSync(work, { recursive: true, force: true })

async function main(args) {
  const verbose = args.includes('--verbose')
  const names = args.filter((arg) => !arg.startsWith('--'))
  const unknown = names.filter((name) => !suites.some((suite) => isNamed(suite, name)))
  if (unknown.length > 0) {
    console.error(
      `no suite "${unknown.join('", "')}"; there are ${suites.map(({ name }) => name).join(', ')}`,
    )
    return 2
  }

  console.log('build')
  const build = spawnSync(process.execPath, ['esbuild.mjs', '--tests'], { stdio: 'inherit' })
  if (build.status !== 0) return fail('the build failed')

  const files = testFiles()
  const homeless = files.filter((file) => !suites.some((suite) => suite.takes(file)))
  if (homeless.length > 0) return fail(`no suite of test/run.mjs takes ${homeless.join(', ')}`)

  const total = { passed: 0, failed: 0 }
  const notRun = []
  for (const suite of suites) {
    if (names.length > 0 && !names.some((name) => isNamed(suite, name))) continue
    const lacking = suite.needs.filter((need) => whyMissing(need) !== undefined)
    if (lacking.length > 0) {
      notRun.push({ suite, lacking })
      continue
    }
    const counts = await run(suite, files.filter(suite.takes), verbose)
    total.passed += counts.passed
    total.failed += counts.failed
  }

  const required = Boolean(process.env.HEARTH_TEST_REQUIRE_ALL)
  for (const { suite, lacking } of notRun) {
    console.log(`not run here: ${suite.name}`)
    for (const need of lacking) console.log(`    ${need}: ${whyMissing(need)}. To get it: ${needs[need].get}`)
    if (required) total.failed += 1
  }
  if (required && notRun.length > 0)
    console.log('HEARTH_TEST_REQUIRE_ALL is set: each suite not run is a failure')
  console.log(`${total.passed} passed, ${total.failed} failed`)
  return total.failed === 0 && total.passed > 0 ? 0 : 1
}

/** One mocha process per suite, since suites differ in their Vulkan driver, which a process chooses once. */
async function run(suite, files, verbose) {
  const label = suite.name.padEnd(20)
  const countsFile = path.join(work, `${suite.name}.json`)
  const started = performance.now()
  const built = files.map((file) => path.join('dist', 'test', file.replace(/\.ts$/, '.js')))
  if (built.length === 0) {
    console.log(`${label} FAILED: it has no test files`)
    return { passed: 0, failed: 1 }
  }
  const child = spawn(
    process.execPath,
    ['node_modules/mocha/bin/mocha.js', '--reporter', 'test/counting-reporter.cjs', ...built],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      // A group of its own, so that a suite that hangs is ended with all it started.
      detached: true,
      env: {
        ...process.env,
        XDG_RUNTIME_DIR: work,
        HEARTH_TEST_COUNTS: countsFile,
        ...(modelPaths[defaultModel] && { HEARTH_TEST_MODEL: modelPaths[defaultModel] }),
        ...(modelPaths[gemma] && { HEARTH_TEST_GEMMA: modelPaths[gemma] }),
        ...(vsixPath === undefined ? {} : { HEARTH_TEST_VSIX: vsixPath }),
        ...(verbose ? { HEARTH_TEST_VERBOSE: '1' } : {}),
        ...suite.env,
      },
    },
  )
  const end = endOf(child, suite.minutes * 60_000)
  const { code, signal, late } = await end
  const seconds = ((performance.now() - started) / 1000).toFixed(1)

  const stats = existsSync(countsFile)
    ? JSON.parse(readFileSync(countsFile, 'utf8'))
    : { passes: 0, failures: 0, pending: 0 }
  const complaints = []
  if (late) complaints.push(`ended after ${suite.minutes} minutes`)
  else if (signal) complaints.push(`died of ${signal}`)
  else if (code !== 0 && stats.failures === 0) complaints.push(`exit code ${code}`)
  if (stats.pending > 0)
    complaints.push(`${stats.pending} tests skipped; leave a suite out by its needs instead`)
  if (stats.passes + stats.failures === 0) complaints.push('no test ran')

  const counts = { passed: stats.passes, failed: stats.failures + complaints.length }
  const verdict = complaints.length > 0 ? `  FAILED: ${complaints.join('; ')}` : ''
  console.log(`${label} ${counts.passed} passed, ${counts.failed} failed  (${seconds} s)${verdict}`)
  return counts
}

function endOf(child, limitMs) {
  return new Promise((resolve) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      killGroup(child.pid)
    }, limitMs)
    const interrupt = (signal) => {
      killGroup(child.pid)
      process.exit(signal === 'SIGINT' ? 130 : 143)
    }
    process.once('SIGINT', interrupt)
    process.once('SIGTERM', interrupt)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      process.removeListener('SIGINT', interrupt)
      process.removeListener('SIGTERM', interrupt)
      resolve({ code, signal, late })
    })
  })
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // Gone by itself in the meantime.
    if (error.code !== 'ESRCH') throw error
  }
}

function isNamed({ name }, wanted) {
  return name === wanted || name.startsWith(`${wanted}-`)
}

function testFiles() {
  return readdirSync('test', { recursive: true })
    .map((file) => file.split(path.sep).join('/'))
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules/'))
    .sort()
}

function fail(message) {
  console.log(message)
  console.log('0 passed, 1 failed')
  return 1
}

function whyMissing(need) {
  if (!findings.has(need)) findings.set(need, needs[need].missing())
  return findings.get(need)
}

function folderMissing(folder) {
  return existsSync(folder) ? undefined : `${folder} is not installed`
}

function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 30_000 }).status === 0
}

function canMount() {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user']
  return runs('unshare', [...asRoot, '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', work])
}

function findLavapipe() {
  const folder = '/usr/share/vulkan/icd.d'
  const file = existsSync(folder) && readdirSync(folder).find((name) => /^lvp_icd.*\.json$/.test(name))
  return file ? path.join(folder, file) : path.join(folder, 'lvp_icd.json')
}

function adapterMissing(driver, expected) {
  if (!existsSync(driver)) return `no ${driver}`
  const probe = spawnSync(process.execPath, ['test/probe-adapter.mjs'], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, XDG_RUNTIME_DIR: work, VK_DRIVER_FILES: driver },
  })
  const name = probe.stdout.trim()
  if (probe.status !== 0) return `Dawn does not accept ${driver}: ${lastLine(probe.stderr)}`
  return name.includes(expected) ? undefined : `${driver} opens "${name}", not ${expected}`
}

function modelMissing(id) {
  const get = spawnSync(process.execPath, ['dist/engine.js', 'models', 'get', id], {
    encoding: 'utf8',
    timeout: 15 * 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const file = lastLine(get.stdout)
  if (get.status !== 0 || !existsSync(file)) return `${id} cannot be had: ${lastLine(get.stderr)}`
  modelPaths[id] = file
  return undefined
}

function vsixMissing() {
  if (whyMissing('tools') !== undefined) return 'the packager is not installed'
  const pack = spawnSync(process.execPath, ['test/tools/package.mjs'], {
    encoding: 'utf8',
    timeout: 5 * 60_000,
  })
  if (pack.status !== 0) return `packing failed: ${lastLine(pack.stderr)}`
  vsixPath = path.join(root, lastLine(pack.stdout).split(':')[0])
  return undefined
}

function lastLine(text) {
  return text.trim().split('\n').at(-1) ?? ''
}
