// RWKV models of random weights in the shapes of real ones.
import type { MetadataValue } from '../format/checkpoint'

interface Shape {
  architecture: 'rwkv5' | 'rwkv7'
  layers: number
  hidden: number
  ffn: number
  /** Widths of RWKV-7's narrow matrices: decay, rate, value, gate. */
  narrow?: Readonly<Record<'w' | 'a' | 'v' | 'g', number>>
}

/** World models: 5 of 0.1, 5.2 of 0.4 and 1.5 billion parameters, 7 of 0.1 and 1.5. */
export const rwkvShapes: Readonly<Record<string, Shape | undefined>> = {
  'rwkv5-0.1b': { architecture: 'rwkv5', layers: 12, hidden: 768, ffn: 2688 },
  'rwkv5-0.4b': { architecture: 'rwkv5', layers: 24, hidden: 1024, ffn: 3584 },
  'rwkv5-1.5b': { architecture: 'rwkv5', layers: 24, hidden: 2048, ffn: 7168 },
  'rwkv7-0.1b': {
    architecture: 'rwkv7',
    layers: 12,
    hidden: 768,
    ffn: 3072,
    narrow: { w: 64, a: 64, v: 32, g: 128 },
  },
  'rwkv7-1.5b': {
    architecture: 'rwkv7',
    layers: 24,
    hidden: 2048,
    ffn: 8192,
    narrow: { w: 96, a: 96, v: 64, g: 256 },
  },
}

const vocabulary = 65536
const headSize = 64

/** Every tensor by its name in RWKV-LM, [rows, columns] or [columns]. */
export function rwkvTensors({ architecture, layers, hidden, ffn, narrow }: Shape): [string, number[]][] {
  const heads = hidden / headSize
  const norm = (name: string): [string, number[]][] => [
    [`${name}.weight`, [hidden]],
    [`${name}.bias`, [hidden]],
  ]
  const vectors = (prefix: string, names: readonly string[]): [string, number[]][] =>
    names.map((name) => [`${prefix}${name}`, [hidden]])
  const layer = (n: number): [string, number[]][] => {
    const att = `blocks.${n}.att.`
    const channel = `blocks.${n}.ffn.`
    return [
      ...norm(`blocks.${n}.ln1`),
      ...norm(`blocks.${n}.ln2`),
      ...norm(`${att}ln_x`),
      ...['receptance', 'key', 'value', 'output'].map((name): [string, number[]] => [
        `${att}${name}.weight`,
        [hidden, hidden],
      ]),
      [`${channel}key.weight`, [ffn, hidden]],
      [`${channel}value.weight`, [hidden, ffn]],
      ...(architecture === 'rwkv5'
        ? ([
            ...vectors(att, ['time_mix_r', 'time_mix_k', 'time_mix_v', 'time_mix_g']),
            ...vectors(channel, ['time_mix_k', 'time_mix_r']),
            [`${att}gate.weight`, [hidden, hidden]],
            [`${channel}receptance.weight`, [hidden, hidden]],
            [`${att}time_decay`, [heads, headSize]],
            [`${att}time_faaaa`, [heads, headSize]],
          ] satisfies [string, number[]][])
        : ([
            ...vectors(att, ['x_r', 'x_w', 'x_k', 'x_v', 'x_a', 'x_g', 'w0', 'a0', 'v0', 'k_k', 'k_a']),
            ...vectors(channel, ['x_k']),
            [`${att}r_k`, [heads, headSize]],
            ...Object.entries(narrow ?? {}).flatMap(([name, width]): [string, number[]][] => [
              [`${att}${name}1`, [hidden, width]],
              [`${att}${name}2`, [width, hidden]],
            ]),
          ] satisfies [string, number[]][])),
    ]
  }
  return [
    ['emb.weight', [vocabulary, hidden]],
    ...norm('blocks.0.ln0'),
    ...Array.from({ length: layers }, (_, n) => layer(n)).flat(),
    ...norm('ln_out'),
    ['head.weight', [vocabulary, hidden]],
  ]
}

export function rwkvMetadata({ architecture, layers }: Shape, name: string): Map<string, MetadataValue> {
  const bytes = Array.from({ length: 256 }, (_, byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
  const words = Array.from({ length: vocabulary - 257 }, (_, i) => `<${i}>`)
  return new Map<string, MetadataValue>([
    ['general.architecture', architecture],
    ['general.name', `synthetic ${name}`],
    [`${architecture}.block_count`, layers],
    [`${architecture}.attention.layer_norm_epsilon`, 1e-5],
    [`${architecture}.wkv.head_size`, headSize],
    ['tokenizer.ggml.model', 'rwkv'],
    ['tokenizer.ggml.tokens', ['<s>', ...bytes, ...words]],
  ])
}
