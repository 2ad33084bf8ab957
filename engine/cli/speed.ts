// Says how fast an answer was, in one line.
import type { Usage } from '../protocol/chat'

export function describeSpeed({
  promptTokens,
  reusedTokens,
  prefillMs,
  completionTokens,
  decodeMs,
}: Usage): string {
  const read = promptTokens - reusedTokens
  const reused = reusedTokens > 0 ? ` (${reusedTokens} more were still known)` : ''
  return (
    `read ${read} tokens${reused} in ${seconds(prefillMs)}, ` +
    `wrote ${completionTokens} in ${seconds(decodeMs)}: ${tokensPerSecond(completionTokens, decodeMs)} tokens/s`
  )
}

export function tokensPerSecond(tokens: number, ms: number): string {
  return ms > 0 ? ((tokens / ms) * 1000).toFixed(1) : '0.0'
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
