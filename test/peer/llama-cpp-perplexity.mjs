// Perplexity by llama.cpp: reads {model, text, ctx} on stdin, writes {tokens, scored, perplexity}. Its own tool is not among the packages,
// so the loop over the windows is here and every number of it llama.cpp's. A process of its own, as llama-cpp.mjs.
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const { model: modelPath, text, ctx } = JSON.parse(await readAll(process.stdin))
// One thread: on a busy machine its spinning barriers make two threads a hundred times slower than one.
const llama = await getLlama({
  gpu: false,
  build: 'never',
  logLevel: LlamaLogLevel.error,
  progressLogs: false,
  maxThreads: 1,
})
const model = await llama.loadModel({ modelPath, gpuLayers: 0 })
const context = await model.createContext({
  contextSize: ctx,
  batchSize: ctx,
  flashAttention: false,
  experimentalKvCacheKeyType: 'F32',
  experimentalKvCacheValueType: 'F32',
})
const sequence = context.getSequence()
const { bos, shouldPrependBosToken } = model.tokens
const tokens = model.tokenize(text, false)
if (shouldPrependBosToken) tokens.unshift(bos)

const first = ctx >> 1
let loss = 0
let scored = 0
for (let start = 0; start + ctx <= tokens.length; start += ctx) {
  const window = tokens.slice(start, start + ctx)
  if (shouldPrependBosToken) window[0] = bos
  await sequence.clearHistory()
  // A greedy choice is the token of the largest logit, and from that one the total is counted.
  const scoring = (next) => ({
    token: true,
    totalLogitWeight: true,
    logits: { filter: { tokens: [next], includeSelected: true } },
    options: { temperature: 0 },
  })
  const answers = await sequence.controlledEvaluate(
    window
      .slice(0, -1)
      .map((token, i) => (i < first ? token : [token, { generateNext: scoring(window[i + 1]) }])),
  )
  for (let i = first; i < ctx - 1; i++) {
    const { logits, token, totalLogitWeight } = answers[i].next
    loss -= logits.get(window[i + 1]) - logits.get(token) - Math.log(totalLogitWeight)
    scored++
  }
}
process.stdout.write(JSON.stringify({ tokens: tokens.length, scored, perplexity: Math.exp(loss / scored) }))
await llama.dispose()

async function readAll(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
