#!/usr/bin/env bash
# Installs what the suites need from Debian: a browser, two software Vulkan drivers, and what VS Code is built with.
set -euo pipefail

# A browser and its SwiftShader, the Vulkan loader, search for VS Code, and headers and compilers for its native modules.
packages=(chromium libvulkan1 ripgrep libkrb5-dev g++ make python3 python3-pip git ca-certificates)
# Dawn refuses the lavapipe of Debian 12 (Mesa 22); the one of its backports is accepted.
oldest_mesa=25

main() {
  local wanted=()
  local package
  for package in "${packages[@]}"; do
    is_there "$package" || wanted+=("$package")
  done
  has_mesa || wanted+=(mesa-vulkan-drivers)
  if [ ${#wanted[@]} -eq 0 ]; then
    echo "all there"
    return
  fi
  echo "installing ${wanted[*]}"
  has_mesa || add_backports
  retry as_root apt-get update -q
  has_mesa || retry as_root apt-get install -qy --no-install-recommends -t bookworm-backports mesa-vulkan-drivers libvulkan1
  retry as_root apt-get install -qy --no-install-recommends "${wanted[@]}"
}

# A tool may be there without its package: Python that was built from source, say.
is_there() {
  case $1 in
    g++ | make | python3 | git) command -v "$1" >/dev/null ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 ;;
    ripgrep) command -v rg >/dev/null ;;
    *) dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed ;;
  esac
}

has_mesa() {
  local version
  version=$(dpkg-query --show --showformat '${Version}' mesa-vulkan-drivers 2>/dev/null) || return 1
  [ "${version%%.*}" -ge "$oldest_mesa" ] 2>/dev/null
}

# The machine's own source of packages, with another suite: so no host is named here.
add_backports() {
  local sources=/etc/apt/sources.list.d
  [ -f "$sources/backports.sources" ] && return
  if [ -f "$sources/debian.sources" ]; then
    sed 's/^Suites:.*/Suites: bookworm-backports/' "$sources/debian.sources" |
      awk 'BEGIN { RS = ""; ORS = "\n\n" } NR == 1' | as_root tee "$sources/backports.sources" >/dev/null
  else
    sed -n 's/^\(deb .*\) bookworm main.*/\1 bookworm-backports main/p' /etc/apt/sources.list | head -1 |
      as_root tee "$sources/backports.list" >/dev/null
  fi
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n env DEBIAN_FRONTEND=noninteractive "$@"; fi
}

retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return 0
    echo "attempt $attempt of '$*' failed" >&2
    sleep $((attempt * 10))
  done
  return 1
}

main
