// Builds dist/: extension and engine (CommonJS for Node), webview (one script for the sandbox), and with --tests the tests.
import { build } from 'esbuild'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const flags = new Set(process.argv.slice(2))

const shared = {
  bundle: true,
  logLevel: 'warning',
  sourcemap: true,
  minify: flags.has('--minify'),
  loader: { '.wgsl': 'text', '.md': 'text', '.jinja': 'text', '.css': 'text' },
}
// `webgpu` is ESM with a native binary beside it: it stays outside and is loaded by `await import`.
const node = { ...shared, platform: 'node', target: 'node20', format: 'cjs', external: ['vscode', 'webgpu'] }

const bundles = [
  { ...node, entryPoints: { engine: 'engine/main.ts' }, banner: { js: '#!/usr/bin/env node' } },
  { ...node, entryPoints: { extension: 'extension/main.ts' } },
  {
    ...shared,
    entryPoints: { webview: 'webview/main.ts' },
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    // The stylesheet is a file of its own, because the webview's content security policy has no inline styles.
    loader: { ...shared.loader, '.css': 'css' },
  },
]
if (flags.has('--tests')) {
  const files = readdirSync('test', { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
  bundles.push({
    ...node,
    entryPoints: files.map((name) => path.join('test', name)),
    outbase: 'test',
    outdir: 'dist/test',
    // Heavy test tools live in their own folders under test/ and are loaded from there when their suite runs.
    external: [...node.external, 'playwright-core', 'node-llama-cpp', 'esbuild'],
  })
}

mkdirSync('dist', { recursive: true })
const present = bundles.filter((bundle) =>
  Object.values(bundle.entryPoints).every((file) => existsSync(file)),
)
const results = await Promise.all(
  present.map((bundle) => build({ outdir: 'dist', metafile: true, ...bundle })),
)
// The floors test reads who imports whom from here.
const inputs = Object.assign({}, ...results.map((result) => result.metafile.inputs))
writeFileSync('dist/imports.json', JSON.stringify(inputs))
