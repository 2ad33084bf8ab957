#!/usr/bin/env bash
# Builds the real VS Code (npm's code-server) once per machine and links it into test/vscode/node_modules.
# Needs: Node 20 with its headers, a C++ compiler, python3, libkrb5-dev and ripgrep (see .ci/run).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Raise it when a step below changes: the cache is keyed by it, by the lock file and by Node's ABI.
recipe=1
key=$(cat "$here/package-lock.json" <(echo "$recipe") | sha256sum | cut -c1-12)
version=$(node -p "require('$here/package.json').dependencies['code-server']")
cache="${XDG_CACHE_HOME:-$HOME/.cache}/hearth-ci"
target="$cache/code-server-$version-node$(node -p process.versions.modules)-$key"

build() {
  local folder=$1
  cp "$here/package.json" "$here/package-lock.json" "$folder"
  # npm refuses the install scripts of packages that package.json does not name, so what they would do is done below.
  (cd "$folder" && quiet npm ci --ignore-scripts)
  local server="$folder/node_modules/code-server"
  (cd "$server/lib/vscode" && quiet npm install --omit=dev --ignore-scripts)
  (cd "$server/lib/vscode/extensions" && quiet npm install --omit=dev --ignore-scripts)
  ln -sfn node_modules "$server/lib/vscode/node_modules.asar"

  local prefix gyp
  prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  [ -f "$prefix/include/node/node.h" ] || fail "no Node headers in $prefix/include/node; install them, or a Node that brings them"
  gyp="$(npm root -g)/npm/node_modules/node-gyp/bin/node-gyp.js"
  local native
  for native in node-pty @vscode/spdlog native-watchdog kerberos; do
    (cd "$server/lib/vscode/node_modules/$native" && quiet node "$gyp" rebuild --nodedir="$prefix")
  done
  (cd "$folder/node_modules/argon2" 2>/dev/null || cd "$server/node_modules/argon2"
    quiet node "$gyp" rebuild --nodedir="$prefix" --module_name=argon2 \
      --module_path="$PWD/lib/binding/napi-v3" --napi_version=9 --napi_build_version=3)

  mkdir -p "$server/lib/vscode/node_modules/@vscode/ripgrep/bin"
  cp "$(command -v rg)" "$server/lib/vscode/node_modules/@vscode/ripgrep/bin/rg"
}

# A native build prints thousands of lines; they matter only when it fails.
quiet() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -60 "$log" >&2
    fail "'$*' failed in $PWD"
  fi
  rm -f "$log"
}

fail() {
  echo "test/vscode/install.sh: $*" >&2
  exit 1
}

if [ ! -d "$target" ]; then
  for tool in rg python3 g++ make; do
    command -v "$tool" >/dev/null || fail "'$tool' is missing; .ci/run names the Debian packages"
  done
  mkdir -p "$cache"
  partial=$(mktemp -d "$target.partial.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  echo "building code-server $version once for this machine (some minutes)"
  build "$partial"
  mv "$partial" "$target"
fi
# A folder with a link in it, not a link: git ignores `node_modules/` only when it is a folder.
mkdir -p "$here/node_modules"
ln -sfn "$target/node_modules/code-server" "$here/node_modules/code-server"
# Its first start writes a config file into the home folder unless told where.
CODE_SERVER_CONFIG="$target/config.yaml" node "$here/node_modules/code-server/out/node/entry.js" --version | tail -1
