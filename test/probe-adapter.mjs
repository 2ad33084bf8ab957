// Prints the name of the adapter that Dawn opens on the Vulkan driver of the environment; exits with 1 when there is none.
// A process of its own, because a driver that fails may take its process along.
import { create } from 'webgpu'

const adapter = await create([]).requestAdapter()
if (!adapter) {
  console.error('Dawn finds no adapter')
  process.exit(1)
}
const { description, device, vendor, architecture } = adapter.info
console.log([device, description, vendor, architecture].filter(Boolean).join(', '))
process.exit(0)
