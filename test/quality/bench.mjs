// Builds bench.ts and runs it: npm run bench:completion -- [--limit N] [--subjects NAME,...]; README.md beside it has the rest.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'

process.chdir(path.resolve(import.meta.dirname, '..', '..'))
const outfile = path.join('dist', 'bench-completion.js')
const { metafile } = await build({
  metafile: true,
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
// What the answers of our own completer depend on.
const engine = createHash('sha256')
for (const file of Object.keys(metafile.inputs).sort())
  if (file.startsWith('engine/')) engine.update(file).update(readFileSync(file))
const args = [outfile, '--engine', engine.digest('hex').slice(0, 16), ...process.argv.slice(2)]
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
