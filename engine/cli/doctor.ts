// `hearth doctor`: everything about this machine that decides whether and how Hearth runs, for people and for bug reports.
import os from 'node:os'
import { statfs } from 'node:fs/promises'
import path from 'node:path'
import { version } from '../../package.json'
import { silentLog } from '../base/log'
import { describeKernels, type KernelChoices } from '../backend/kernel-choice'
import { measureAgain } from '../backend/open-backend'
import { listAdapters, openDevice, type AdapterFacts } from '../backend/webgpu/dawn'
import { describeError } from '../protocol/errors'
import type { ModelInfo } from '../protocol/messages'
import { cacheFolder } from '../provider/cache-folder'
import { describeBytes } from '../provider/disk-error'
import { listModels } from '../provider/hub'
import { kernelMemory } from '../provider/kernel-memory'
import { hubEndpoint } from '../provider/hub-source'
import { driverAdvice } from './driver-advice'
import type { Run } from './commands'
import { exitCodes } from './exit-codes'
import { parseOptions } from './options'
import type { Terminal } from './terminal'

export const doctor: Run = async ({ terminal }, _args, raw) => {
  const { json } = parseOptions(['json'], raw)
  const facts = await examine()
  if (json) await terminal.out(`${JSON.stringify(facts)}\n`)
  else await print(terminal, facts)
  return exitCodes.ok.code
}

interface Facts {
  hearth: string
  runtime: {
    node: string
    platform: string
    arch: string
    release: string
    cpu: string
    cores: number
    memory: number
  }
  adapters: AdapterFacts[]
  /** "ok", or what is wrong with WebGPU here. */
  webgpu: string
  /** What multiplies matrices on the first adapter, and why. */
  kernels?: KernelChoices
  /** What to do when there is no adapter. */
  advice: string[]
  cache: { folder: string; free: number | undefined }
  hub: string
  models: ModelInfo[]
}

async function examine(): Promise<Facts> {
  const { adapters, webgpu, kernels } = await examineGpu()
  const cpus = os.cpus()
  return {
    hearth: version,
    runtime: {
      node: process.versions.node,
      platform: process.platform,
      arch: process.arch,
      release: os.release(),
      cpu: cpus[0]?.model.trim() ?? 'unknown',
      cores: os.availableParallelism(),
      memory: os.totalmem(),
    },
    adapters,
    webgpu,
    ...(kernels && { kernels }),
    advice: webgpu === 'ok' ? [] : driverAdvice(process.platform),
    cache: { folder: cacheFolder(), free: await freeBytes(cacheFolder()) },
    hub: endpoint(),
    models: await listModels(),
  }
}

async function examineGpu(): Promise<Pick<Facts, 'adapters' | 'webgpu' | 'kernels'>> {
  let adapters: AdapterFacts[] = []
  try {
    adapters = await listAdapters()
    const opened = await openDevice(silentLog)
    try {
      const kernels = await measureAgain(opened, kernelMemory(silentLog), silentLog)
      return { adapters, webgpu: 'ok', kernels }
    } finally {
      opened.release()
    }
  } catch (error) {
    return { adapters, webgpu: describeError(error) }
  }
}

function endpoint(): string {
  try {
    return hubEndpoint()
  } catch (error) {
    return describeError(error)
  }
}

/** Of the nearest folder that exists: the cache itself is made by the first download. */
async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    const parent = path.dirname(folder)
    return parent === folder ? undefined : freeBytes(parent)
  }
}

async function print({ out, style }: Terminal, facts: Facts): Promise<void> {
  const { runtime, adapters, webgpu, kernels, advice, cache, models } = facts
  const title = (text: string): Promise<void> => out(`${style('bold', text)}\n`)
  await title(`Hearth ${facts.hearth}`)
  await out(
    `  Node.js ${runtime.node} on ${runtime.platform} ${runtime.arch} (${runtime.release})\n` +
      `  ${runtime.cpu}, ${runtime.cores} cores, ${(runtime.memory / 1e9).toFixed(1)} GB of memory\n`,
  )
  await title('WebGPU')
  await out(`  ${webgpu === 'ok' ? style('green', 'works') : style('red', webgpu)}\n`)
  for (const adapter of adapters) await out(describeAdapter(adapter))
  if (kernels) await out(`  kernels: ${describeKernels(kernels)}\n`)
  if (advice.length > 0) {
    await title('What to do')
    for (const line of advice) await out(`  ${line}\n`)
  }
  await title('Models')
  const free = cache.free === undefined ? '' : `, ${describeBytes(cache.free)} free`
  await out(`  cache: ${cache.folder}${free}\n  hub: ${facts.hub}\n`)
  const here = models.filter((model) => model.installed).map((model) => model.id)
  await out(`  on this machine: ${here.length > 0 ? here.join(', ') : 'none yet; `hearth models get`'}\n`)
}

function describeAdapter({ name, backend, software, features, limits, subgroups }: AdapterFacts): string {
  const kind = software ? `${backend}, software: it computes on the processor` : backend
  const lanes = subgroups ? `${subgroups.min} to ${subgroups.max} lanes` : 'none'
  const limit = Object.entries(limits).map(([key, value]) => `      ${key} ${value}\n`)
  return `  ${name} (${kind})\n    features: ${features.join(', ')}\n    subgroups: ${lanes}\n    limits:\n${limit.join('')}`
}
