// Measures llama.cpp for `hearth bench --vs llama.cpp`: one line of JSON per request on stdin, one per answer on stdout, until stdin ends.
//
//   argv: MODEL GPU (vulkan, cuda, metal or none) CONTEXT
//   {"threads": {"prefill": 2, "decode": 1}, "tokens": [1, 2], "gen": 16} → {"prefillMs": …, "decodeMs": …}; the first line, unasked, says what was loaded
//
// Works on the bindings below node-llama-cpp's own loop, so that nothing but llama.cpp itself is in the time.
import { createInterface } from 'node:readline'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const [modelPath, wanted, contextSize] = process.argv.slice(2)
const gpu = wanted === 'none' ? false : wanted

const start = performance.now()
const llama = await getLlama({ gpu, build: 'never', logLevel: LlamaLogLevel.error, progressLogs: false })
const devices = await llama.getGpuDeviceNames()
// Where it finds no device, llama.cpp computes on the processor and says nothing.
if (gpu && devices.length === 0) throw new Error(`llama.cpp found no ${gpu} device`)

const { AddonModel, AddonContext, AddonSampler } = llama._bindings
const model = new AddonModel(modelPath, {
  gpuLayers: gpu ? 999 : 0,
  useMmap: true,
  addonExports: llama._bindings,
})
if (!(await model.init())) throw new Error(`llama.cpp cannot load ${modelPath}`)
const context = new AddonContext(model, {
  contextSize: Number(contextSize),
  batchSize: Math.min(512, Number(contextSize)),
  sequences: 1,
  threads: 1,
  flashAttention: 'auto',
})
if (!(await context.init())) throw new Error('llama.cpp has no memory for a context')
const sampler = new AddonSampler(model)
sampler.applyConfig({ temperature: 0 })

answer({
  devices,
  version: llama.llamaCppRelease.release,
  loadMs: performance.now() - start,
})
for await (const line of createInterface({ input: process.stdin })) {
  try {
    answer(await measure(JSON.parse(line)))
  } catch (error) {
    answer({ error: error.message })
  }
}
process.exit(0)

async function measure({ threads, tokens, gen }) {
  context.setThreads(threads.prefill)
  context.disposeSequence(0)
  const start = performance.now()
  let token = -1
  for (let at = 0; at < tokens.length; at += 512) token = await step(at, tokens.slice(at, at + 512))
  const prefilled = performance.now()
  context.setThreads(threads.decode)
  for (let i = 0; i < gen; i++) token = await step(tokens.length + i, [token])
  return {
    prefillMs: prefilled - start,
    decodeMs: performance.now() - prefilled,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  }
}

async function step(position, tokens) {
  context.initBatch(tokens.length)
  const [logits] = context.addToBatch(
    0,
    position,
    Uint32Array.from(tokens),
    Uint32Array.of(tokens.length - 1),
  )
  await context.decodeBatch()
  return context.sampleToken(logits, sampler)
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
