// Flags of the WebGPU specification, by value: Node has no global GPUBufferUsage.

export const bufferUsage = {
  mapRead: 0x1,
  copySrc: 0x4,
  copyDst: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const

/** GPUShaderStage.COMPUTE */
export const computeStage = 0x4

/** GPUMapMode.READ */
export const mapModeRead = 0x1
