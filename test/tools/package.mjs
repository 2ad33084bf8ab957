// Packs hearth-<target>.vsix for this platform: `npm run package`.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..', '..')
process.chdir(root)

const vsce = path.join(import.meta.dirname, 'node_modules', '@vscode', 'vsce', 'vsce')
if (!existsSync(vsce)) {
  run('npm', ['ci', '--ignore-scripts', '--omit=optional', '--prefix', 'test/tools'], {
    // npm.cmd is a batch file, which only a shell can start.
    shell: process.platform === 'win32',
  })
}

// VS Code's name of a platform and the folder of the native library differ on macOS only.
const target = `${process.platform}-${process.arch}`
const library = process.platform === 'darwin' ? 'darwin-universal' : target
const libraryFolder = `node_modules/webgpu/dist/${library}`
if (!existsSync(libraryFolder)) throw new Error(`npm's webgpu has no build for ${target}`)

run(process.execPath, ['esbuild.mjs'])
const ignoreFile = path.join('dist', 'vscodeignore')
writeFileSync(ignoreFile, `${readFileSync('.vscodeignore', 'utf8')}!${libraryFolder}/**\n`)
const file = `hearth-${target}.vsix`
run(process.execPath, [
  vsce,
  'package',
  ...['--target', target, '--out', file, '--ignoreFile', ignoreFile],
  // Until the project has a public home, there is nothing to link to.
  ...['--allow-missing-repository', '--no-rewrite-relative-links'],
])
console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB`)

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}
