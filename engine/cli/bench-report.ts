// What `hearth bench` found, as lines for people.
import { describeKernels } from '../backend/kernel-choice'
import type { Measured, Ratios, Speed, Spread } from './bench-rounds'

export function describeMeasured({
  name,
  backend,
  device,
  threads,
  loadMs,
  firstTokenMs,
  peakRssMB,
  speeds,
  kernels,
}: Measured): string {
  const counts = threads ? `, ${threads.prefill} threads to read and ${threads.decode} to write` : ''
  return (
    `${name} on ${backend}: ${device}${backend === 'cpu' ? counts : ''}\n` +
    `loaded in ${loadMs} ms, first token after ${firstTokenMs} ms, at most ${peakRssMB} MB of memory\n` +
    (kernels ? `${describeKernels(kernels)}\n` : '') +
    speeds.map((speed) => describeSpeed(speed, ' tokens/s')).join('')
  )
}

export function describeRatios({ speeds, peakRss }: Ratios): string {
  return `first of both to second\n${speeds.map((speed) => describeSpeed(speed, ' times')).join('')}memory ${peakRss} times\n`
}

function describeSpeed({ tokens, prefill, decode }: Speed, unit: string): string {
  const length = String(tokens).padStart(6)
  return `read ${length} tokens: ${describe(prefill, unit)}; wrote after that: ${describe(decode, unit)}\n`
}

function describe({ median, min, max }: Spread, unit: string): string {
  return `${median}${unit} [${min} to ${max}]`
}
