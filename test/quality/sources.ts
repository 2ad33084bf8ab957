// Fetches the packages with the registries' own clients into the cache folder, and reads their source files.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from '../../engine/provider/cache-folder'
import { languages } from './languages'
import type { Client, Package } from './packages'

export interface SourceFile {
  /** Below the unpacked package, with `/`. */
  path: string
  text: string
}

/** How a client downloads into the current folder, and what unpacks the one file it leaves there into `folder`. */
const clients: Readonly<
  Record<Client, { get: (of: Package) => string[]; unpack: (file: string, folder: string) => string[] }>
> = {
  npm: {
    get: ({ name, version }) => ['npm', 'pack', '--silent', `${name}@${version}`],
    unpack: (file, folder) => ['tar', '-xzf', file, '-C', folder],
  },
  pip: {
    get: ({ name, version }) => [
      'python3',
      ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:'],
      `${name}==${version}`,
    ],
    unpack: (file, folder) => ['python3', '-m', 'zipfile', '-e', file, folder],
  },
  apt: {
    get: ({ name, version }) => ['apt-get', 'download', '--quiet', `${name}=${version}`],
    unpack: (file, folder) => ['dpkg-deb', '-x', file, folder],
  },
}

/** Why the package cannot be had here, or undefined when its files are in the cache folder. */
export function fetchPackage(wanted: Package): string | undefined {
  const folder = folderOf(wanted)
  if (existsSync(folder)) return undefined
  mkdirSync(path.dirname(folder), { recursive: true })
  const work = mkdtempSync(`${folder}.part-`)
  try {
    const { get, unpack } = clients[wanted.client]
    const failed = run(get(wanted), work)
    if (failed !== undefined) return failed
    const [file, ...more] = readdirSync(work)
    if (file === undefined || more.length > 0)
      return `${wanted.client} left ${more.length + 1} files instead of one`
    const sha256 = createHash('sha256')
      .update(readFileSync(path.join(work, file)))
      .digest('hex')
    if (sha256 !== wanted.sha256) return `${file} has another checksum: ${sha256}`
    const unpacked = path.join(work, 'unpacked')
    mkdirSync(unpacked)
    const torn = run(unpack(path.join(work, file), unpacked), work)
    if (torn !== undefined) return torn
    renameSync(unpacked, folder)
    return undefined
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Files of the package's language in the order of their names; tests, declarations and generated tables are left out. */
export function sourceFiles(of: Package): SourceFile[] {
  const folder = folderOf(of)
  return of.within
    .flatMap((part) =>
      readdirSync(path.join(folder, part), { recursive: true }).map((name) =>
        path.posix.join(part, String(name).split(path.sep).join('/')),
      ),
    )
    .filter((name) => languages[of.language].extensions.includes(path.extname(name)))
    .filter(
      (name) =>
        !/\.d\.ts$|\.min\.js$|(^|[/_.-])(tests?|spec|locales|bundled|llhttp|gen)([/_.-]|$)/.test(name),
    )
    .sort()
    .map((name) => ({ path: name, text: readSource(of, name) }))
}

export function readSource(of: Package, file: string): string {
  return readFileSync(path.join(folderOf(of), file), 'utf8')
}

function folderOf({ name, version }: Package): string {
  return path.join(cacheFolder(), 'bench-sources', `${name}-${version}`.replaceAll(/[^\w.@-]+/g, '+'))
}

function run([command = '', ...args]: readonly string[], cwd: string): string | undefined {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 300_000 })
  if (status === 0) return undefined
  return `${command} ${args[0] ?? ''}: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? status}`
}
