// `hearth bench --vs llama.cpp`: both programs are measured, and ratios are ours over theirs.
import assert from 'node:assert/strict'
import type { Measured, Ratios } from '../../engine/cli/bench-rounds'
import { hearth } from '../cli/engine-command'

it('bench beside llama.cpp', async function () {
  this.timeout(120_000)
  const file = process.env['HEARTH_TEST_MODEL'] ?? ''
  const sizes = ['--prompt', '16', '--gen', '4', '--repeat', '1']
  const args = ['bench', '--model', file, '--backend', 'cpu', '--vs', 'llama.cpp', ...sizes, '--json']
  const { code, stdout, stderr } = await hearth(args)
  assert.equal(code, 0, stderr)
  const { ours, peer, ratio } = JSON.parse(stdout) as { ours: Measured; peer: Measured; ratio: Ratios }
  assert.deepEqual([ours.name, ours.backend, peer.backend], ['Hearth', 'cpu', 'cpu'])
  assert.match(peer.name, /^llama\.cpp /)
  assert.ok(peer.threads && peer.threads.decode >= 1 && peer.threads.prefill >= 1)
  for (const kind of ['prefill', 'decode'] as const) {
    const [our, their] = [ours.speeds[0]?.[kind].median ?? 0, peer.speeds[0]?.[kind].median ?? 0]
    assert.ok(Math.abs(ratio[kind].median / (our / their) - 1) < 0.01, `${kind} ${ratio[kind].median}`)
  }
  assert.ok(Math.abs(ratio.peakRss / (ours.peakRssMB / peer.peakRssMB) - 1) < 0.01)
})
