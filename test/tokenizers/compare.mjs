// Builds compare.ts and runs it: node test/tokenizers/compare.mjs FOLDER [tokenizer ...]
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { build } from 'esbuild'

process.chdir(path.resolve(import.meta.dirname, '..', '..'))
const outfile = path.join('dist', 'compare-tokenizers.js')
await build({
  entryPoints: ['test/tokenizers/compare.ts'],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  outfile,
  logLevel: 'error',
})
process.exitCode =
  spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1
