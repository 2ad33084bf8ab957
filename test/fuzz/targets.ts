// What is damaged: one row per format, with good files and the way the engine opens them.
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
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
export function locationOf({ file, folder }: Seed, work: string): string {
  return path.join(work, folder === undefined ? file : path.basename(folder))
}

/** Puts bytes in the place of the seed's own. */
export function writeSeed(seed: Seed, bytes: Uint8Array, work: string): void {
  const location = locationOf(seed, work)
  writeFileSync(seed.folder === undefined ? location : path.join(location, seed.file), bytes)
}

/** Copies what a seed needs into `work`, undamaged. */
export function placeSeed(seed: Seed, work: string): void {
  if (seed.folder !== undefined) cpSync(seed.folder, locationOf(seed, work), { recursive: true })
  writeSeed(seed, seed.bytes, work)
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
  return readdirSync(root).flatMap((name) =>
    readdirSync(path.join(root, name))
      .filter((file) => files.test(file))
      .map((file) => {
        const seed = alone(path.join(root, name, file), header)
        return {
          ...seed,
          folder: path.join(root, name),
          others: bytesIn(path.join(root, name)) - seed.bytes.length,
        }
      }),
  )
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
