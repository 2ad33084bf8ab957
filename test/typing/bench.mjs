// Builds bench.ts and the engine and runs it: npm run bench:typing -- [--strokes N] [--seed N] [--save]; README.md beside it has the rest.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { build } from 'esbuild'

process.chdir(path.resolve(import.meta.dirname, '..', '..'))
const outfile = path.join('dist', 'bench-typing.js')
const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  loader: { '.wgsl': 'text', '.md': 'text', '.jinja': 'text' },
  external: ['webgpu'],
  logLevel: 'error',
}
await build({ ...shared, entryPoints: ['test/typing/bench.ts'], outfile })
await build({ ...shared, entryPoints: ['engine/main.ts'], outfile: path.join('dist', 'engine.js') })
process.exitCode =
  spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1
