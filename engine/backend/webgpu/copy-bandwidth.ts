// How fast a device copies buffers: the bandwidth that kernels which only read weights are compared with.
import { bufferUsage, mapModeRead } from './usage'

/** Larger than the caches of any device, and small enough to have twice. */
const bytes = 256 * 2 ** 20
const rounds = 5

/** Bytes per second, what is read and what is written counted both; the best of a few tries. Rejects when the device is lost. */
export async function copyBandwidth(device: GPUDevice): Promise<number> {
  const size = Math.min(bytes, device.limits.maxBufferSize)
  const { copySrc, copyDst, queryResolve, mapRead } = bufferUsage
  const from = device.createBuffer({ size, usage: copySrc | copyDst })
  const to = device.createBuffer({ size, usage: copySrc | copyDst })
  const stamps = device.createBuffer({ size: 16, usage: queryResolve | copySrc })
  const staging = device.createBuffer({ size: 16, usage: mapRead | copyDst })
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 })
  try {
    let best = Infinity
    // The first copy makes the memory, and is slower than any other.
    for (let round = 0; round <= rounds; round++) {
      const encoder = device.createCommandEncoder()
      encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex: 0 } }).end()
      encoder.copyBufferToBuffer(from, 0, to, 0, size)
      encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex: 1 } }).end()
      encoder.resolveQuerySet(querySet, 0, 2, stamps, 0)
      encoder.copyBufferToBuffer(stamps, 0, staging, 0, 16)
      device.queue.submit([encoder.finish()])
      await staging.mapAsync(mapModeRead)
      const [begin = 0n, end = 0n] = new BigUint64Array(staging.getMappedRange())
      staging.unmap()
      if (end > begin) best = Math.min(best, Number(end - begin) / 1e9)
    }
    return (2 * size) / best
  } finally {
    querySet.destroy()
    for (const buffer of [from, to, stamps, staging]) buffer.destroy()
  }
}
