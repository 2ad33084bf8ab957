// Times the launches of one executable by the device's own clock: each in a pass of its own, between two timestamps.
import { EngineError } from '../../protocol/errors'
import type { KernelTime } from '../profile'
import { bufferUsage, mapModeRead } from './usage'

/** WebGPU's limit of queries in a set. */
const setSize = 4096

export class LaunchTimer {
  readonly #sets: readonly GPUQuerySet[]
  readonly #resolved: GPUBuffer

  /** `launches` says of each launch what it is called, and the bytes of its weight. Throws `bad-request` for a device without timestamps. */
  constructor(
    private readonly device: GPUDevice,
    private readonly launches: readonly Omit<KernelTime, 'ms'>[],
  ) {
    if (!device.features.has('timestamp-query')) {
      throw new EngineError(
        'bad-request',
        'This adapter has no timestamps, so its kernels cannot be timed.',
        {
          hint: 'Give --device cpu, or measure without --profile.',
        },
      )
    }
    const sets = Math.ceil((launches.length * 2) / setSize)
    this.#sets = Array.from({ length: sets }, () =>
      device.createQuerySet({ type: 'timestamp', count: setSize }),
    )
    this.#resolved = device.createBuffer({
      label: 'timestamps',
      size: sets * setSize * 8,
      usage: bufferUsage.queryResolve | bufferUsage.copySrc,
    })
  }

  /** The pass of the launch of this index. */
  pass(index: number): GPUComputePassDescriptor {
    const querySet = this.#sets[Math.floor((index * 2) / setSize)]
    if (!querySet) throw new EngineError('internal', `no timestamps for launch ${index}`)
    const at = (index * 2) % setSize
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } }
  }

  /** Ends what `encoder` records with copying the timestamps to where `read` finds them, so that the next step may overwrite them. */
  resolve(encoder: GPUCommandEncoder): GPUBuffer {
    const bytes = this.launches.length * 16
    this.#sets.forEach((set, index) => {
      const count = Math.min(setSize, this.launches.length * 2 - index * setSize)
      encoder.resolveQuerySet(set, 0, count, this.#resolved, index * setSize * 8)
    })
    const usage = bufferUsage.mapRead | bufferUsage.copyDst
    const staging = this.device.createBuffer({ label: 'timestamps read back', size: bytes, usage })
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, bytes)
    return staging
  }

  /** The times in the buffer that `resolve` returned, once its commands are submitted. Destroys it. */
  async read(staging: GPUBuffer): Promise<KernelTime[]> {
    await staging.mapAsync(mapModeRead)
    const stamps = new BigUint64Array(staging.getMappedRange())
    const times = this.launches.map((launch, index) => {
      const [begin = 0n, end = 0n] = stamps.subarray(index * 2, index * 2 + 2)
      return { ...launch, ms: Number(end - begin) / 1e6 }
    })
    staging.destroy()
    return times
  }

  dispose(): void {
    for (const set of this.#sets) set.destroy()
    this.#resolved.destroy()
  }
}
