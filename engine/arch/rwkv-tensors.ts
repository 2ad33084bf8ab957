// The parts of tensor names that RWKV families share, by the kind of file.
import type { MixInput, MixNames, RecurrentTensors } from './rwkv-spec'

type Shared = Pick<
  RecurrentTensors,
  'embedding' | 'embeddingNorm' | 'outputNorm' | 'head' | 'timeNorm' | 'channelNorm'
>

type Projections = Pick<RecurrentTensors['time'], 'receptance' | 'key' | 'value' | 'output'>

/** The names of RWKV-LM, which trains all of them. */
export const rwkvNames: Shared = {
  embedding: 'emb.weight',
  embeddingNorm: 'blocks.0.ln0',
  outputNorm: 'ln_out',
  head: 'head.weight',
  timeNorm: 'blocks.{n}.ln1',
  channelNorm: 'blocks.{n}.ln2',
}

/** Of RWKV-4 to 6 in transformers, and in code that comes with such models. */
export const huggingfaceRwkvNames: Shared = {
  embedding: 'rwkv.embeddings.weight',
  embeddingNorm: 'rwkv.blocks.0.pre_ln',
  outputNorm: 'rwkv.ln_out',
  head: 'head.weight',
  timeNorm: 'rwkv.blocks.{n}.ln1',
  channelNorm: 'rwkv.blocks.{n}.ln2',
}

/** Of llama.cpp's converter. */
export const ggufRwkvNames: Shared = {
  embedding: 'token_embd.weight',
  embeddingNorm: 'token_embd_norm',
  outputNorm: 'output_norm',
  head: 'output.weight',
  timeNorm: 'blk.{n}.attn_norm',
  channelNorm: 'blk.{n}.attn_norm_2',
}

/** Matrices [out, in] of time mixing under a common prefix. */
export function projections(prefix: string): Projections {
  return {
    receptance: `${prefix}receptance.weight`,
    key: `${prefix}key.weight`,
    value: `${prefix}value.weight`,
    output: `${prefix}output.weight`,
  }
}

/** Channel mixing whose output is gated. `mix` is the prefix of the names of its blends. */
export function gatedChannel(
  prefix: string,
  mix: { key: string; receptance: string },
): RecurrentTensors['channel'] {
  return {
    mixKey: mix.key,
    mixReceptance: mix.receptance,
    key: `${prefix}key.weight`,
    value: `${prefix}value.weight`,
    receptance: `${prefix}receptance.weight`,
  }
}

/** Blends as a tensor each: `prefix` and the name of each input. */
export function separateMix(prefix: string, names: Partial<Readonly<Record<MixInput, string>>>): MixNames {
  const of = Object.fromEntries(Object.entries(names).map(([input, name]) => [input, `${prefix}${name}`]))
  return { kind: 'separate', of }
}
