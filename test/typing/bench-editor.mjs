// Packs the extension and measures typing with it in a real VS Code: npm run bench:editor; README.md beside it has the options.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'

process.chdir(path.resolve(import.meta.dirname, '..', '..'))
for (const [folder, get] of [
  ['test/vscode/node_modules/code-server', 'test/vscode/install.sh'],
  ['test/tools/node_modules/playwright-core', 'npm ci --ignore-scripts --omit=optional --prefix test/tools'],
])
  if (!existsSync(folder)) throw new Error(`${folder} is not installed. To get it: ${get}`)

const args = process.argv.slice(2)
const outfile = path.join('dist', 'bench-editor.js')
await build({
  entryPoints: ['test/typing/bench-editor.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  loader: { '.wgsl': 'text', '.md': 'text', '.jinja': 'text' },
  external: ['webgpu', 'playwright-core'],
  logLevel: 'error',
})
if (!args.includes('--packed')) run('test/tools/package.mjs', [])
run(outfile, args)

function run(script, rest) {
  const { status } = spawnSync(process.execPath, [script, ...rest], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
