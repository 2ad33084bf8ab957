// What every backend asks of a step that several sequences have in common.
import type { Plan } from '../graph/plan'
import { EngineError } from '../protocol/errors'
import type { SequenceStep } from './backend'

/** Whether a plan has a row of logits for each of several sequences. */
export function takesTogether({ maxTokens, outputs }: Plan): boolean {
  return maxTokens > 1 && outputs === 'all'
}

/** Throws `internal` for a plan that has no row for every sequence, and for a sequence of more than one token. */
export function checkTogether(plan: Plan, sequences: readonly SequenceStep[]): void {
  const { maxTokens } = plan
  if (!takesTogether(plan))
    throw new EngineError('internal', 'the plan has no row of logits for every sequence')
  if (sequences.length < 1 || sequences.length > maxTokens)
    throw new EngineError(
      'internal',
      `a step of ${sequences.length} sequences, the plan takes 1 to ${maxTokens}`,
    )
  const other = sequences.find(({ tokens }) => tokens.length !== 1)
  if (other) throw new EngineError('internal', `${other.tokens.length} tokens of one of several sequences`)
}
