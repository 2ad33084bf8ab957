// The check of copies that all backends make.
import { EngineError } from '../protocol/errors'
import type { Tensor } from './backend'

/** Throws `internal` when a state cannot be copied to the other. */
export function checkSameShape(from: Tensor, to: Tensor): void {
  if (from.rows === to.rows && from.cols === to.cols && from.type === to.type) return
  const [source, target] = [from, to].map(
    ({ label, rows, cols, type }) => `"${label}" [${rows}, ${cols}] of ${type}`,
  )
  throw new EngineError('internal', `a state is copied to one of another shape: ${source} to ${target}`)
}
