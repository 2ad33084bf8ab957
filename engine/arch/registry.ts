// Every model family, by the name a file gives itself. Adding one is one import and one entry.
import { quote } from '../base/quote'
import { EngineError } from '../protocol/errors'
import { baichuan } from './baichuan'
import { chatglm } from './chatglm'
import { chatglm1 } from './chatglm1'
import { gemma } from './gemma'
import { gemma2 } from './gemma2'
import { gemma3 } from './gemma3'
import { glm } from './glm'
import { granite } from './granite'
import { llama } from './llama'
import { minicpm } from './minicpm'
import { minicpm3 } from './minicpm3'
import { phi3 } from './phi3'
import { qwen } from './qwen'
import { qwen2 } from './qwen2'
import { qwen3 } from './qwen3'
import { rwkv4 } from './rwkv-4'
import { rwkv5 } from './rwkv-5'
import { rwkv6 } from './rwkv-6'
import { rwkv7 } from './rwkv-7'
import type { ArchSpec } from './spec'
import { starcoder2 } from './starcoder2'

export const architectures: readonly ArchSpec[] = [
  llama,
  qwen,
  qwen2,
  qwen3,
  gemma,
  gemma2,
  gemma3,
  minicpm,
  minicpm3,
  phi3,
  baichuan,
  chatglm1,
  chatglm,
  glm,
  granite,
  starcoder2,
  rwkv4,
  rwkv5,
  rwkv6,
  rwkv7,
]

/** The family that calls itself `name` in `general.architecture`. Throws `unsupported-arch`. */
export function findArchitecture(name: string): ArchSpec {
  const found = architectures.find((spec) => spec.gguf.includes(name))
  if (found) return found
  const known = architectures.flatMap((spec) => spec.gguf).join(', ')
  throw new EngineError(
    'unsupported-arch',
    `The model's architecture ${quote(name)} is not supported; known: ${known}.`,
    {
      hint: 'Choose another model with "Hearth: Select Model" or `hearth models list`.',
    },
  )
}
