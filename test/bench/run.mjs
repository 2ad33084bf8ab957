// Measures every figure that speed is judged by, beside llama.cpp where it is a ratio, and writes what came out.
//
//   node test/bench/run.mjs [--quick] [--only JOB,JOB] [--list]
//
// Results go to test/bench/results/: figures as JSON, a table as Markdown, a plot as SVG, named by date and machine. With --only
// the other figures of that day stay. --quick takes minutes, and says little.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

process.chdir(path.resolve(import.meta.dirname, '..', '..'))
mkdirSync('dist/bench', { recursive: true })
const built = spawnSync(process.execPath, ['esbuild.mjs'], { stdio: 'inherit' })
if (built.status !== 0) process.exit(1)
const outfile = path.resolve('dist/bench/measure.cjs')
await build({
  entryPoints: ['test/bench/measure.ts'],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  external: ['webgpu'],
  loader: { '.wgsl': 'text' },
  logLevel: 'warning',
  outfile,
})
const { measure } = (await import(pathToFileURL(outfile).href)).default
process.exitCode = await measure(process.argv.slice(2))
