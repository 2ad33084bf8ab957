// Answers infill requests with llama.cpp, for the completion bench: one line of JSON per request on stdin, one per answer on stdout, until stdin ends.
//
//   argv: MODEL GPU (vulkan, cuda, metal or none) CONTEXT BATCH
//   {"inputPrefix": "", "inputSuffix": "", "prompt": "", "nPredict": 128, "nIndent": 0, "tMaxPredictMs": 500, "seed": 1}
//     → {"text": "", "promptTokens": 0, "generatedTokens": 0, "promptMs": 0, "predictMs": 0}; the first line, unasked, says what was loaded
//
// Stands in for the endpoint `/infill` of llama.cpp's server, which is not in the package: its budgets, its stop rules and the samplers that
// llama.vscode asks for (top_k 40, top_p 0.99, infill).
import { createInterface } from 'node:readline'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const topK = 40
const topP = 0.99

const [modelPath, wanted, contextSize, batchSize] = process.argv.slice(2)
const gpu = wanted === 'none' ? false : wanted
const llama = await getLlama({ gpu, build: 'never', logLevel: LlamaLogLevel.error, progressLogs: false })
if (gpu && (await llama.getGpuDeviceNames()).length === 0) throw new Error(`llama.cpp found no ${gpu} device`)

const { AddonModel, AddonContext, AddonSampler } = llama._bindings
const model = new AddonModel(modelPath, {
  gpuLayers: gpu ? 999 : 0,
  useMmap: true,
  addonExports: llama._bindings,
})
if (!(await model.init())) throw new Error(`llama.cpp cannot load ${modelPath}`)
const context = new AddonContext(model, {
  contextSize: Number(contextSize),
  batchSize: Number(batchSize),
  sequences: 1,
  // On a busy machine its spinning barriers make two threads a hundred times slower than one.
  threads: 1,
  flashAttention: 'auto',
})
if (!(await context.init())) throw new Error('llama.cpp has no memory for a context')
const sampler = new AddonSampler(model)
sampler.applyConfig({ temperature: 0 })

const fim = {
  prefix: model.prefixToken(),
  suffix: model.suffixToken(),
  middle: model.middleToken(),
  repository: oneToken('<|repo_name|>'),
  file: oneToken('<|file_sep|>'),
}
const hasFim = fim.prefix >= 0 && fim.suffix >= 0 && fim.middle >= 0

answer({ version: llama.llamaCppRelease.release, fim: hasFim })
for await (const line of createInterface({ input: process.stdin })) {
  try {
    answer(await infill(JSON.parse(line)))
  } catch (error) {
    answer({ error: error.message })
  }
}
process.exit(0)

async function infill(request) {
  const { nPredict, nIndent, tMaxPredictMs, seed } = request
  const random = randomNumbers(seed)
  const prompt = promptOf(request)
  context.disposeSequence(0)
  const start = performance.now()
  let logits = await read(0, prompt)
  const prompted = performance.now()
  const promptedWork = work()
  const generated = []
  let text = ''
  let lastLine = 0
  while (generated.length < nPredict) {
    const token = await choose(logits, random)
    if (token === undefined) break
    generated.push(token)
    const before = text.length
    text = model.detokenize(Uint32Array.from(generated), false)
    if (nIndent > 0 && lastLine > 0) {
      const indent = /^[ \t]*/.exec(text.slice(lastLine))[0].length
      if (lastLine + indent < text.length && indent < nIndent) {
        text = text.slice(0, lastLine + indent)
        break
      }
    }
    const lineBreak = text.indexOf('\n', lastLine)
    if (lineBreak >= 0) lastLine = lineBreak + 1
    if (text.slice(before).includes('\n') && work() - promptedWork > tMaxPredictMs) break
    if (prompt.length + generated.length >= Number(contextSize)) break
    logits = await read(prompt.length + generated.length - 1, [token])
  }
  return {
    text,
    promptTokens: prompt.length,
    generatedTokens: generated.length,
    promptMs: prompted - start,
    predictMs: performance.now() - prompted,
  }
}

// Milliseconds for the time limit: of the processor where that is what computes, so that answers do not depend on what else it does.
function work() {
  if (gpu) return performance.now()
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

// Three quarters of a batch before the cursor, a quarter after it. Without infill tokens there is only the text before.
function promptOf({ inputPrefix, inputSuffix, prompt }) {
  const batch = Number(batchSize)
  const line = tokens(prompt)
  const prefix = [...tokens(inputPrefix).slice(-3 * (batch >> 2)), ...line]
  const begin = model.shouldPrependBosToken() ? [model.tokenBos()] : []
  if (!hasFim) return [...begin, ...prefix]
  const suffix = tokens(inputSuffix).slice(0, Math.max(0, (batch >> 2) - 2 - line.length))
  const extra = [
    ...(fim.repository === undefined ? [] : [fim.repository, ...tokens('myproject\n')]),
    ...(fim.file === undefined ? [] : [fim.file, ...tokens('filename\n')]),
  ]
  return [...begin, ...extra, fim.prefix, ...prefix, fim.suffix, ...suffix, fim.middle]
}

async function read(position, list) {
  let logits
  for (let at = 0; at < list.length; at += Number(batchSize)) {
    const part = list.slice(at, at + Number(batchSize))
    context.initBatch(part.length)
    logits = context.addToBatch(0, position + at, Uint32Array.from(part), Uint32Array.of(part.length - 1))[0]
    await context.decodeBatch()
  }
  return logits
}

// Undefined at the end of the text.
async function choose(logits, random) {
  const [, , , top] = await context.sampleToken(logits, sampler, false, false, [
    [],
    false,
    false,
    false,
    topK,
  ])
  let candidates = []
  for (let at = 0; at + 1 < top.length; at += 2) candidates.push({ token: top[at], logit: top[at + 1] })
  candidates.sort((one, other) => other.logit - one.logit)
  candidates = normalized(
    candidates.slice(0, topK).map((one) => ({ ...one, p: Math.exp(one.logit - candidates[0].logit) })),
  )
  let sum = 0
  const kept = candidates.findIndex(({ p }) => (sum += p) >= topP)
  candidates = normalized(kept < 0 ? candidates : candidates.slice(0, kept + 1))
  for (const one of candidates) one.ends = model.isEogToken(one.token)

  const ending = candidates.filter(({ ends }) => ends).reduce((total, { p }) => total + p, 0)
  if (3 * ending * candidates.length > 1 - ending) return undefined
  for (const one of candidates) one.text = model.detokenize(Uint32Array.of(one.token), false)
  mergePrefixes(candidates)
  let likely = candidates.filter(({ p, ends }) => p > 0 && (ends || p >= 0.2))
  const texts = likely.filter(({ ends }) => !ends).length
  if (texts === 0) return undefined
  likely = normalized(likely).filter(({ p, ends }) => ends || p >= 1 / (texts + 1))
  likely = normalized(likely)
  let rest = random()
  const chosen = likely.find(({ p }) => (rest -= p) <= 0) ?? likely.at(-1)
  return chosen === undefined || chosen.ends ? undefined : chosen.token
}

// A token that another one begins with says the same: the likelier of the two takes the probability of both.
function mergePrefixes(candidates) {
  for (const [i, one] of candidates.entries()) {
    for (const [j, other] of candidates.entries()) {
      if (i === j || one.p === 0 || other.p === 0 || one.ends || other.ends) continue
      if (one.text.length > other.text.length || !other.text.startsWith(one.text)) continue
      const [winner, loser] = one.p > other.p ? [one, other] : [other, one]
      winner.p += loser.p
      loser.p = 0
    }
  }
}

function normalized(candidates) {
  const sum = candidates.reduce((total, { p }) => total + p, 0)
  return candidates.map((one) => ({ ...one, p: one.p / sum }))
}

function tokens(text) {
  return text === '' ? [] : [...model.tokenize(text, false)]
}

function oneToken(text) {
  const found = model.tokenize(text, true)
  return found.length === 1 ? found[0] : undefined
}

// The generator "mulberry32".
function randomNumbers(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
