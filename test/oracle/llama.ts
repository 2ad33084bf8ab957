// The forward pass of Llama, Qwen 2, Qwen 3, Gemma and MiniCPM as plainly as it can be written: float64, one token at a time, no sharing with the engine.
import type { GgufFile } from './read-gguf'

interface Config {
  /** Layers. */
  L: number
  /** Width of the residual stream. */
  C: number
  /** Query heads. */
  H: number
  /** Key and value heads. */
  K: number
  /** Columns of a head. */
  D: number
  /** Width of the feed-forward block. */
  F: number
  /** Vocabulary. */
  V: number
  eps: number
  theta: number
  /** Positions are divided by it. */
  positionFactor: number
  /** Which columns of a head turn together: neighbors in GGUF's llama and minicpm, halves elsewhere. */
  pairs: 'neighbors' | 'halves'
  /** What an embedding is multiplied by. */
  embeddingScale: number
  /** What attention and the feed-forward block are multiplied by before they are added. */
  branchScale: number
  logitDivisor: number
  activation: (x: number) => number
}

interface Weights {
  /** [V, C] */
  embedding: Float64Array
  layers: LayerWeights[]
  /** [C] */
  outputNorm: Float64Array
  /** [V, C]; the embedding when the head is tied. */
  head: Float64Array
  /** [D / 2], ones unless Llama 3.1 divides the frequencies. */
  divisors: Float64Array
}

interface LayerWeights {
  /** [C] */
  attentionNorm: Float64Array
  /** [H * D, C] */
  q: Linear
  /** [K * D, C] */
  k: Linear
  /** [K * D, C] */
  v: Linear
  /** [D] each, in Qwen 3. */
  qNorm: Float64Array | undefined
  kNorm: Float64Array | undefined
  /** [C, H * D] */
  o: Linear
  /** [C] */
  mlpNorm: Float64Array
  /** [F, C] */
  gate: Linear
  /** [F, C] */
  up: Linear
  /** [C, F] */
  down: Linear
}

interface Linear {
  weight: Float64Array
  /** [rows], or undefined. */
  bias: Float64Array | undefined
}

/** Logits [tokens, V] of a whole sequence, row after row. */
export function oracleLogits(file: GgufFile, tokens: readonly number[]): Float64Array {
  const c = readConfig(file)
  const w = readWeights(file, c)
  const keys = w.layers.map(() => [] as Float64Array[]) // per layer, per position: [K * D]
  const values = w.layers.map(() => [] as Float64Array[]) // per layer, per position: [K * D]
  const logits = new Float64Array(tokens.length * c.V)

  tokens.forEach((token, position) => {
    const x = w.embedding.slice(token * c.C, (token + 1) * c.C).map((value) => value * c.embeddingScale) // [C]

    w.layers.forEach((layer, l) => {
      const attentionInput = rmsNorm(x, layer.attentionNorm, c.eps) // [C]
      const q = normHeads(linear(layer.q, attentionInput), layer.qNorm, c.eps) // [H * D]
      const k = normHeads(linear(layer.k, attentionInput), layer.kNorm, c.eps) // [K * D]
      keys[l]!.push(rotate(k, position, c, w.divisors))
      values[l]!.push(linear(layer.v, attentionInput))
      const mixed = attend(rotate(q, position, c, w.divisors), keys[l]!, values[l]!, c) // [H * D]
      addTo(x, linear(layer.o, mixed), c.branchScale)

      const mlpInput = rmsNorm(x, layer.mlpNorm, c.eps) // [C]
      const gate = linear(layer.gate, mlpInput) // [F]
      const up = linear(layer.up, mlpInput) // [F]
      addTo(
        x,
        linear(
          layer.down,
          gate.map((g, i) => c.activation(g) * up[i]!),
        ),
        c.branchScale,
      )
    })

    const last = rmsNorm(x, w.outputNorm, c.eps) // [C]
    const scores = linear({ weight: w.head, bias: undefined }, last) // [V]
    logits.set(
      scores.map((score) => score / c.logitDivisor),
      position * c.V,
    )
  })
  return logits
}

const known: ReadonlySet<string> = new Set(['llama', 'qwen2', 'qwen3', 'gemma', 'minicpm'])

function readConfig(file: GgufFile): Config {
  const architecture = file.metadata.get('general.architecture')
  if (typeof architecture !== 'string' || !known.has(architecture))
    throw new Error(`no oracle for ${architecture}`)
  const number = (key: string, fallback?: number): number => {
    const found = file.metadata.get(`${architecture}.${key}`) ?? fallback
    if (typeof found !== 'number') throw new Error(`no ${architecture}.${key}`)
    return found
  }
  const isMiniCpm = architecture === 'minicpm'
  const L = number('block_count')
  const C = number('embedding_length')
  const H = number('attention.head_count')
  return {
    L,
    C,
    H,
    K: number('attention.head_count_kv', H),
    D: number('attention.key_length', C / H),
    F: number('feed_forward_length'),
    V: file.tensors.get('token_embd.weight')!.shape[0]!,
    eps: number('attention.layer_norm_rms_epsilon'),
    theta: number('rope.freq_base', 10000),
    positionFactor: number('rope.scaling.factor', 1),
    pairs: architecture === 'llama' || architecture === 'minicpm' ? 'neighbors' : 'halves',
    embeddingScale: architecture === 'gemma' ? Math.sqrt(C) : isMiniCpm ? number('embedding_scale', 12) : 1,
    branchScale: isMiniCpm ? number('residual_scale', 1.4 / Math.sqrt(L)) : 1,
    logitDivisor: isMiniCpm ? number('logit_scale', C / 256) : 1,
    activation: architecture === 'gemma' ? gelu : silu,
  }
}

function readWeights(file: GgufFile, c: Config): Weights {
  const optional = (name: string): Float64Array | undefined => file.tensors.get(name)?.values
  const need = (name: string): Float64Array => {
    const values = optional(name)
    if (!values) throw new Error(`no tensor ${name}`)
    return values
  }
  const readLinear = (name: string, rows: number, cols: number): Linear => {
    const weight = need(`${name}.weight`)
    if (weight.length !== rows * cols) throw new Error(`${name} is not ${rows} x ${cols}`)
    return { weight, bias: optional(`${name}.bias`) }
  }
  return {
    embedding: need('token_embd.weight'),
    layers: Array.from({ length: c.L }, (_, l) => ({
      attentionNorm: need(`blk.${l}.attn_norm.weight`),
      q: readLinear(`blk.${l}.attn_q`, c.H * c.D, c.C),
      k: readLinear(`blk.${l}.attn_k`, c.K * c.D, c.C),
      v: readLinear(`blk.${l}.attn_v`, c.K * c.D, c.C),
      qNorm: optional(`blk.${l}.attn_q_norm.weight`),
      kNorm: optional(`blk.${l}.attn_k_norm.weight`),
      o: readLinear(`blk.${l}.attn_output`, c.C, c.H * c.D),
      mlpNorm: need(`blk.${l}.ffn_norm.weight`),
      gate: readLinear(`blk.${l}.ffn_gate`, c.F, c.C),
      up: readLinear(`blk.${l}.ffn_up`, c.F, c.C),
      down: readLinear(`blk.${l}.ffn_down`, c.C, c.F),
    })),
    outputNorm: need('output_norm.weight'),
    head: optional('output.weight') ?? need('token_embd.weight'),
    divisors: optional('rope_freqs.weight') ?? new Float64Array(c.D / 2).fill(1),
  }
}

function rmsNorm(x: Float64Array, weight: Float64Array, eps: number): Float64Array {
  let squares = 0
  for (const value of x) squares += value * value
  const scale = 1 / Math.sqrt(squares / x.length + eps)
  return x.map((value, i) => value * scale * weight[i]!)
}

// Each head of x [heads * D] by itself.
function normHeads(x: Float64Array, weight: Float64Array | undefined, eps: number): Float64Array {
  if (!weight) return x
  const out = new Float64Array(x.length)
  for (let head = 0; head < x.length; head += weight.length)
    out.set(rmsNorm(x.subarray(head, head + weight.length), weight, eps), head)
  return out
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x))
}

// The approximation with tanh.
function gelu(x: number): number {
  return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

function linear({ weight, bias }: Linear, x: Float64Array): Float64Array {
  return Float64Array.from({ length: weight.length / x.length }, (_, row) => {
    let sum = bias?.[row] ?? 0
    for (let i = 0; i < x.length; i++) sum += weight[row * x.length + i]! * x[i]!
    return sum
  })
}

// x: [heads * D]. Pair i of every head turns by position * theta^(-2i/D) / divisor.
function rotate(x: Float64Array, position: number, c: Config, divisors: Float64Array): Float64Array {
  const out = new Float64Array(x.length)
  for (let head = 0; head < x.length; head += c.D) {
    for (let i = 0; i < c.D / 2; i++) {
      const angle = ((position / c.positionFactor) * c.theta ** ((-2 * i) / c.D)) / divisors[i]!
      const a = head + (c.pairs === 'neighbors' ? 2 * i : i)
      const b = head + (c.pairs === 'neighbors' ? 2 * i + 1 : i + c.D / 2)
      out[a] = x[a]! * Math.cos(angle) - x[b]! * Math.sin(angle)
      out[b] = x[b]! * Math.cos(angle) + x[a]! * Math.sin(angle)
    }
  }
  return out
}

// q: [H * D]; keys and values: [K * D] for each position up to this one. Returns [H * D].
function attend(q: Float64Array, keys: Float64Array[], values: Float64Array[], c: Config): Float64Array {
  const out = new Float64Array(c.H * c.D)
  for (let h = 0; h < c.H; h++) {
    const kv = Math.floor(h / (c.H / c.K)) * c.D
    const scores = keys.map((k) => {
      let dot = 0
      for (let i = 0; i < c.D; i++) dot += q[h * c.D + i]! * k[kv + i]!
      return dot / Math.sqrt(c.D)
    })
    const highest = Math.max(...scores)
    const weights = scores.map((score) => Math.exp(score - highest))
    const sum = weights.reduce((a, b) => a + b, 0)
    values.forEach((v, s) => {
      for (let i = 0; i < c.D; i++) out[h * c.D + i]! += (weights[s]! / sum) * v[kv + i]!
    })
  }
  return out
}

function addTo(x: Float64Array, y: Float64Array, scale: number): void {
  y.forEach((value, i) => (x[i]! += value * scale))
}
