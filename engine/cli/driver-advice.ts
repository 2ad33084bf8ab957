// What to install, by platform, when WebGPU finds no adapter. Package names are those of the distributions.

const everywhere =
  'Meanwhile everything works on the processor, only slower (`hearth.device` "cpu" or "auto").'

const advice: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: [
    'WebGPU needs a Vulkan driver:',
    'Debian, Ubuntu: apt install libvulkan1 mesa-vulkan-drivers (AMD, Intel); NVIDIA: the nvidia-driver package',
    'Fedora: dnf install vulkan-loader mesa-vulkan-drivers',
    'Arch: pacman -S vulkan-icd-loader and vulkan-radeon, vulkan-intel or nvidia-utils',
    'Mesa must be 23 or newer; on Debian 12 take it from bookworm-backports.',
    'In a container, pass the GPU in (--device /dev/dri, or the NVIDIA container toolkit).',
  ],
  darwin: ['WebGPU uses Metal, which is part of macOS: update to macOS 12 or newer.'],
  win32: [
    'WebGPU uses Direct3D 12: update Windows, and the driver from the maker of your graphics card.',
    'Over Remote Desktop the GPU may be hidden; the processor is used then.',
  ],
}

/** One line per step. */
export function driverAdvice(platform: NodeJS.Platform): string[] {
  return [...(advice[platform] ?? [`WebGPU is not available on ${platform}.`]), everywhere]
}
