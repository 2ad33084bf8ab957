// Builds bench.ts and runs it: npm run bench:completion -- [--limit N] [--subjects NAME,...]; README.md beside it has the rest.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { build } from 'esbuild'

process.chdir(path.resolve(import.meta.dirname, '..', '..'))
const outfile = path.join('dist', 'bench-completion.js')
await build({
  entryPoints: ['test/quality/bench.ts'],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  loader: { '.wgsl': 'text', '.md': 'text', '.jinja': 'text' },
  external: ['webgpu'],
  outfile,
  logLevel: 'error',
})
const args = [outfile, ...process.argv.slice(2)]
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
