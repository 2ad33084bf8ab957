// The check of copies that all backends make.
import { EngineError } from '../protocol/errors'
import type { Tensor } from './backend'

/** Throws `internal` when a state cannot be copied to the other. */
export function checkSameShape(from: Tensor, to: Tensor): void {
  if (from.rows === to.rows && from.cols === to.cols) return
  const shapes = `"${from.label}" is [${from.rows}, ${from.cols}], "${to.label}" [${to.rows}, ${to.cols}]`
  throw new EngineError('internal', `a state is copied to one of another shape: ${shapes}`)
}
