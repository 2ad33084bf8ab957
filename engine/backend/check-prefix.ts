// What every backend asks of a step whose first tokens see each other both ways.
import type { Plan } from '../graph/plan'
import { EngineError } from '../protocol/errors'
import type { StepInput } from './backend'

/** Throws `internal` when tokens of the prefix would look at rows that no step has written yet. */
export function checkPrefix(plan: Plan, { tokens, position, prefix = 0 }: StepInput): void {
  const end = position + tokens.length
  if (position >= prefix || end >= prefix) return
  if (!plan.operations.some((operation) => operation.op === 'attention' && operation.prefix)) return
  throw new EngineError('internal', `a step ends at token ${end}, inside the prefix of ${prefix} tokens`)
}
