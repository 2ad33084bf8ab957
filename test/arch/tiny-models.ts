// The tiny checkpoints of test/fixtures/tiny (GGUF), tiny-hf (folders) and tiny-rwkv, with what their references say about them.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const folder = 'test/fixtures/tiny'
const foldersOfHuggingface = 'test/fixtures/tiny-hf'
const foldersOfRwkv = 'test/fixtures/tiny-rwkv'

/** A tiny checkpoint of any format. */
export interface TinyCheckpoint {
  readonly name: string
  /** A GGUF file or a folder. */
  readonly path: string
  readonly architecture: string
  readonly vocabulary: number
  readonly tokens: readonly number[]
  /** Tokens for which the model is to be opened, when the logits depend on that. */
  readonly context?: number
  /** Token up to which a sequence has to be given at once. */
  readonly answerStart?: number
  /** [tokens, vocabulary] */
  readonly logits: Float32Array
}

export interface TinyModel extends TinyCheckpoint {
  readonly gguf: string
}

/** Every tiny GGUF, in order of name. */
export function tinyModels(): TinyModel[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => tinyModel(file.slice(0, -'.json'.length)))
}

export function tinyModel(name: string): TinyModel {
  const gguf = path.join(folder, `${name}.gguf`)
  return { ...readModel(name, gguf, path.join(folder, `${name}.json`)), gguf }
}

/** Every tiny Hugging Face folder, in order of name. */
export function tinyFolders(): TinyCheckpoint[] {
  return readdirSync(foldersOfHuggingface)
    .sort()
    .map((name) => {
      const model = path.join(foldersOfHuggingface, name)
      return readModel(`huggingface/${name}`, model, path.join(model, 'expected.json'))
    })
}

/** Every tiny RWKV, a file or a folder each. */
export function tinyRwkv(): TinyCheckpoint[] {
  return readdirSync(foldersOfRwkv)
    .sort()
    .map((name) => {
      const folder = path.join(foldersOfRwkv, name)
      const file = readdirSync(folder).find((entry) => /^model\.(pth|gguf)$/.test(entry))
      return readModel(`rwkv/${name}`, path.join(folder, file ?? ''), path.join(folder, 'expected.json'))
    })
}

function readModel(name: string, model: string, expectations: string): TinyCheckpoint {
  const expected = JSON.parse(readFileSync(expectations, 'utf8')) as {
    architecture: string
    vocabulary: number
    tokens: number[]
    context?: number
    answerStart?: number
    logits: string
  }
  const bytes = Uint8Array.from(Buffer.from(expected.logits, 'base64'))
  return { ...expected, name, path: model, logits: new Float32Array(bytes.buffer) }
}

/** Largest |a - b| as a share of the largest |b|. NaN anywhere makes it NaN, which no bound accepts. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values, expected ${b.length}`)
  let difference = 0
  let largest = 0
  for (let i = 0; i < b.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!))
    largest = Math.max(largest, Math.abs(b[i]!))
  }
  return difference / largest
}
