// What is damaged: one row per format, with good files and the way the engine opens them.
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { CpuBackend } from '../../engine/backend/cpu/cpu-backend'
import { silentLog } from '../../engine/base/log'
import { noProgress } from '../../engine/base/progress'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { openPth } from '../../engine/format/pth'
import { openSafetensors } from '../../engine/format/safetensors'
import { loadModel } from '../../engine/model/model'
import { chatTemplate } from '../../engine/tokenizer/chat-template'
import { findFim } from '../../engine/tokenizer/fim'
import { tokenizerFromMetadata } from '../../engine/tokenizer/from-gguf'
import { templateText, userText } from '../../engine/tokenizer/tokenizer'

export interface Seed {
  /** As the damaged file is called. */
  file: string
  bytes: Buffer
  /** Where damage matters most: bytes from the start. */
  header: number
  /** Folder that stands around it, or undefined for a file alone. */
  folder?: string
  /** File of the folder that is opened; the folder itself unless said otherwise. */
  opens?: string
  /** File of the folder that the damaged one stands in for. */
  insteadOf?: string
  /** Bytes of the other files in it. */
  others: number
}

export interface OpenOptions {
  /** Called when what describes the model is read, before anything else is done. */
  measured: () => void
  /** Goes on to load the weights. */
  deep: boolean
}

export interface Target {
  name: string
  isText: boolean
  /** Of the usual number of inputs; one unless said otherwise. */
  share?: number
  seeds(): Seed[]
  /** Throws what the engine throws. */
  open(path: string, options: OpenOptions): Promise<void>
}

export const targets: readonly Target[] = [
  {
    name: 'GGUF',
    isText: false,
    seeds: () =>
      [...ggufs('test/fixtures/tiny', 60_000), ...ggufs('test/fixtures/tokenizer', 60_000)].map((file) =>
        alone(file, (bytes) => ggufHeader(bytes)),
      ),
    open: load,
  },
  {
    name: 'safetensors',
    isText: false,
    seeds: () => folders(/\.safetensors$/, (bytes) => 8 + Number(bytes.readBigUInt64LE(0))),
    open: async (folder, options) => {
      if (options.deep) return load(folder, options)
      const opened = await openSafetensors(folder)
      options.measured()
      await opened.close()
    },
  },
  {
    name: 'pth',
    isText: false,
    seeds: () =>
      readdirSync('test/fixtures/pth')
        .filter((name) => name.endsWith('.pth'))
        .map((name) => alone(path.join('test/fixtures/pth', name), (bytes) => bytes.length)),
    open: async (file, { measured }) => {
      const opened = await openPth(file)
      try {
        measured()
        for (const { name } of opened.tensors.values()) await opened.read(name, 0, 1)
      } finally {
        await opened.close()
      }
    },
  },
  {
    name: 'GGUF in parts',
    isText: false,
    share: 0.2,
    seeds: () =>
      inFolder('test/fixtures/split', /\.gguf$/, ggufHeader).map((seed, _i, all) => ({
        ...seed,
        opens: all[0]?.file ?? '',
      })),
    open: load,
  },
  {
    name: 'RWKV',
    isText: false,
    share: 0.2,
    seeds: () =>
      inFolder('test/fixtures/tiny-rwkv/pth-6-bf16-world', /\.(pth|txt)$/, (bytes) =>
        Math.min(8000, bytes.length),
      ).map((seed) => ({ ...seed, opens: 'model.pth' })),
    open: load,
  },
  {
    name: 'SentencePiece',
    isText: false,
    share: 0.4,
    seeds: () =>
      vocabularies(/\.model$/).map((seed) => ({
        ...seed,
        ...around('test/fixtures/tiny-hf/gemma-bf16'),
        file: 'tokenizer.model',
        insteadOf: 'tokenizer.json',
      })),
    open: load,
  },
  {
    name: 'tiktoken',
    isText: true,
    share: 0.2,
    seeds: () =>
      vocabularies(/\.tiktoken$/).map((seed) => ({
        ...seed,
        ...around('test/fixtures/tiny-hf/qwen1-long-bf16'),
        insteadOf: 'tokenizer.json',
      })),
    open: load,
  },
  {
    name: 'tokenizer.json',
    isText: true,
    seeds: () => folders(/^tokenizer\.json$/, (bytes) => bytes.length),
    open: load,
  },
  {
    name: 'other JSON',
    isText: true,
    share: 0.2,
    seeds: () =>
      folders(
        /^(config|tokenizer_config|generation_config|model\.safetensors\.index)\.json$/,
        (bytes) => bytes.length,
      ),
    open: load,
  },
]

/** Path to open for a seed in the folder `work`. */
export function locationOf(seed: Seed, work: string): string {
  return seed.folder === undefined
    ? path.join(work, seed.file)
    : path.join(copyOf(seed, work), seed.opens ?? '')
}

/** What a message must name: the file, or the folder it is in. */
export function nameOf({ file, folder }: Seed): string {
  return path.basename(folder ?? file)
}

/** Puts bytes in the place of the seed's own. */
export function writeSeed(seed: Seed, bytes: Uint8Array, work: string): void {
  writeFileSync(path.join(copyOf(seed, work), seed.file), bytes)
}

/** Copies what a seed needs into `work`, undamaged. */
export function placeSeed(seed: Seed, work: string): void {
  const copy = copyOf(seed, work)
  if (seed.folder !== undefined) cpSync(seed.folder, copy, { recursive: true })
  if (seed.insteadOf !== undefined) rmSync(path.join(copy, seed.insteadOf))
  writeSeed(seed, seed.bytes, work)
}

function copyOf({ folder }: Seed, work: string): string {
  return folder === undefined ? work : path.join(work, path.basename(folder))
}

/** All that the engine does with a model before the first prompt. */
async function load(location: string, { measured, deep }: OpenOptions): Promise<void> {
  const checkpoint = await openCheckpoint(location)
  const backend = new CpuBackend()
  try {
    const { tokenizer } = tokenizerFromMetadata(checkpoint.metadata)
    measured()
    const tokens = tokenizer.encode([
      templateText('<s>Ünder 12 <|im_start|>'),
      userText('a  b\n<0x0A>\u0000'),
    ])
    for (const token of tokens) tokenizer.bytesOf(token)
    findFim(tokenizer, checkpoint.metadata)
    chatTemplate(checkpoint.metadata, tokenizer)
    if (!deep) return
    const options = { checkpoint, backend, contextLength: 16, log: silentLog, progress: noProgress }
    using model = await loadModel(options, new AbortController().signal)
    model.tokenizer.encode([])
  } finally {
    backend.dispose()
    await checkpoint.close()
  }
}

function alone(file: string, header: (bytes: Buffer) => number): Seed {
  const bytes = readFileSync(file)
  return { file: path.basename(file), bytes, header: header(bytes), others: 0 }
}

function folders(files: RegExp, header: (bytes: Buffer) => number): Seed[] {
  const root = 'test/fixtures/tiny-hf'
  return readdirSync(root).flatMap((name) => inFolder(path.join(root, name), files, header))
}

function inFolder(folder: string, files: RegExp, header: (bytes: Buffer) => number): Seed[] {
  return readdirSync(folder)
    .filter((file) => files.test(file))
    .map((file) => {
      const seed = alone(path.join(folder, file), header)
      return { ...seed, folder, others: bytesIn(folder) - seed.bytes.length }
    })
}

function around(folder: string): Pick<Seed, 'folder' | 'others'> {
  return { folder, others: bytesIn(folder) }
}

function vocabularies(files: RegExp): Seed[] {
  const root = 'test/fixtures/tokenizer'
  return readdirSync(root)
    .filter((name) => files.test(name))
    .map((name) => alone(path.join(root, name), (bytes) => bytes.length))
}

function ggufs(folder: string, mostBytes: number): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.gguf'))
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).size < mostBytes)
}

// Up to the last name of a tensor and what follows it.
function ggufHeader(bytes: Buffer): number {
  const text = bytes.toString('latin1')
  const last = Math.max(text.lastIndexOf('.weight'), text.lastIndexOf('.bias'))
  return last < 0 ? bytes.length : last + 48
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0)
}
