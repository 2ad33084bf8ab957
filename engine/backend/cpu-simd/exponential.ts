// e to the power of four numbers at a time.
import {
  f32x4,
  get,
  i32x4,
  multiplyAdd,
  set,
  v128,
  type Code,
  type Dialect,
  type FunctionBuilder,
  type Local,
} from './assembler'

/** Locals that the exponential works with. */
export interface ExponentialLocals {
  readonly value: Local
  readonly whole: Local
}

export function exponentialLocals(f: FunctionBuilder): ExponentialLocals {
  return { value: f.local('v128'), whole: f.local('v128') }
}

/**
 * e to the power of what lies in `value`, -87 to 88, which it changes. Relative error 3e-7.
 * e^x = 2^n * e^r with n the nearest whole number to x / ln 2 and r the rest, 0.35 at most, whose power is Taylor's series.
 */
export function exponential({ value, whole }: ExponentialLocals, dialect: Dialect): Code {
  const plus = multiplyAdd[dialect]
  const factorials = [1, 1, 2, 6, 24, 120, 720]
  const series = factorials
    .map((factorial) => f32x4.splat(1 / factorial))
    .reduceRight((sum, term) => plus(sum, get(value), term))
  // Beside this number floats are whole, and their lowest bits count.
  const counter = f32x4.splat(1.5 * 2 ** 23)
  const powerOfTwo = i32x4.add(i32x4.shiftLeft(get(whole), 23), f32x4.splat(1))
  return [
    ...set(whole, plus(get(value), f32x4.splat(Math.LOG2E), counter)),
    // ln 2 in two parts: the first has so few bits that n times it is exact.
    ...set(value, plus(f32x4.sub(get(whole), counter), f32x4.splat(-0.693359375), get(value))),
    ...set(value, plus(f32x4.sub(get(whole), counter), f32x4.splat(0.693359375 - Math.LN2), get(value))),
    ...f32x4.multiply(series, powerOfTwo),
  ]
}

/** The same of any number: as of the nearest one from -87 to 88. */
export function clampedExponential(locals: ExponentialLocals, dialect: Dialect): Code {
  const { value } = locals
  return [
    ...set(value, f32x4.lesser(f32x4.greater(get(value), f32x4.splat(-87)), f32x4.splat(88))),
    ...exponential(locals, dialect),
  ]
}

/** The same of numbers that are not above zero, but exactly 0 below -87, and what is no number stays none. */
export function fadingExponential(locals: ExponentialLocals, x: Local, dialect: Dialect): Code {
  return v128.andNot(
    [...set(locals.value, f32x4.greater(get(x), f32x4.splat(-87))), ...exponential(locals, dialect)],
    f32x4.lessThan(get(x), f32x4.splat(-87)),
  )
}
