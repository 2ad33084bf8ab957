// Answers for llama.cpp: reads {model, gpu, prompts: {text}[], maxTokens} on stdin, writes each prompt's ids and its greedy continuation.
// A process of its own, because node-llama-cpp is ESM, is not installed at the top level, and has no place in our types.
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

// By default keys and values are kept as halves, which rounds them once more.
const f32Cache = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' }

const { model: modelPath, gpu, prompts, maxTokens } = JSON.parse(await readAll(process.stdin))
// One thread: on a busy machine its spinning barriers make two threads a hundred times slower than one.
const llama = await getLlama({
  gpu,
  build: 'never',
  logLevel: LlamaLogLevel.error,
  progressLogs: false,
  maxThreads: 1,
})
// Where Vulkan finds no device, llama.cpp computes on the processor and says nothing.
if (gpu && (await llama.getGpuDeviceNames()).length === 0) throw new Error(`llama.cpp found no ${gpu} device`)
const model = await llama.loadModel({ modelPath, gpuLayers: gpu ? 'max' : 0 })
const context = await model.createContext({ contextSize: 512, flashAttention: false, ...f32Cache })
const rows = []
for (const { text, tokens: given } of prompts) {
  // Text is tokenized here too, so that a difference of tokenizers is not taken for one of arithmetic.
  const tokens = given ?? model.tokenize(text, false)
  const sequence = context.getSequence()
  const generated = []
  for await (const token of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
    if (model.isEogToken(token) || generated.push(token) === maxTokens) break
  }
  sequence.dispose()
  rows.push({ tokens: [...tokens], generated, text: model.detokenize(generated) })
}
process.stdout.write(JSON.stringify(rows))
await llama.dispose()

async function readAll(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
