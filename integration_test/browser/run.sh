#!/usr/bin/env bash
# Proves in headless Chromium that pages of a listed origin can use the server
# with the official TypeScript client, and that other pages cannot. Prints one
# line for each check, then a summary. The exit status is 0 when all pass, 1
# when some fail, 2 when it could not begin.
#
# Needs Go, node 20 and npm. The browser is $CHROMIUM, or what is on the PATH;
# on Debian, root gets it installed. The npm packages are kept in
# $BROWSER_CACHE (default ~/.cache/mcpecho).
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=(@modelcontextprotocol/client@2.4.0 esbuild@0.28.2 playwright-core@1.65.1)

die() { echo "browser: $*" >&2; exit 2; }

for tool in go node npm timeout; do
  command -v "$tool" >/dev/null || die "$tool is not installed"
done

find_chromium() {
  local name names=(chromium chromium-browser google-chrome google-chrome-stable)
  [[ -z ${CHROMIUM:-} ]] || names=("$CHROMIUM")
  for name in "${names[@]}"; do
    command -v "$name" && return
  done
  return 1
}
if ! chromium=$(find_chromium); then
  [[ -z ${CHROMIUM:-} ]] || die "CHROMIUM is $CHROMIUM, which cannot be run"
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || die "no Chromium: install it, or name its executable in CHROMIUM"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium; } >&2 ||
    die "apt-get could not install chromium"
  chromium=$(find_chromium) || die "apt-get installed no chromium"
fi

# The packages, once for each set of versions.
pins=$(echo "${packages[*]}" | cksum | cut -d ' ' -f 1)
cache=${BROWSER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mcpecho}/browser-$pins
if [[ ! -f $cache/complete ]]; then
  mkdir -p "$cache"
  echo '{"private": true}' >"$cache/package.json"
  timeout 300 npm install --prefix "$cache" --ignore-scripts --no-audit --no-fund --loglevel=error "${packages[@]}" >/dev/null ||
    die "npm could not install ${packages[*]}"
  touch "$cache/complete"
fi

work=$(mktemp -d)
server= driver=
finish() {
  local pid
  for pid in $driver $server; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# NODE_PATH, because the page is not below the folder of the packages.
mkdir "$work/pages" "$work/profile"
cp integration_test/browser/page.html "$work/pages"
NODE_PATH=$cache/node_modules "$cache/node_modules/.bin/esbuild" integration_test/browser/page.ts \
  --bundle --platform=browser --format=iife --global-name=page --outfile="$work/pages/page.js" --log-level=warning ||
  die "esbuild could not bundle the page"

go build -o "$work/server" ./integration_test/browser
"$work/server" -db "$work/invoices.db" -pages "$work/pages" >"$work/setup" 2>"$work/server.log" &
server=$!
for _ in {1..100}; do
  [[ $(wc -l <"$work/setup") -gt 0 ]] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
[[ -s $work/setup ]] || { cat "$work/server.log" >&2; die "the server did not start"; }

driver_file=$PWD/integration_test/browser/drive.mjs
(cd "$cache" && exec timeout -k 10 240 node "$driver_file" "$chromium" "$work/profile" "$(cat "$work/setup")") &
driver=$!
status=0
wait "$driver" || status=$?
driver=
if ! kill -0 "$server" 2>/dev/null; then
  echo "browser: the server died" >&2
  status=1
fi
((status == 0)) || { echo "--- the server's log"; cat "$work/server.log"; } >&2
exit $((status != 0))
