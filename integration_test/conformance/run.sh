#!/usr/bin/env bash
# Runs the official MCP conformance suite against the server in this folder and
# prints one line for each scenario and protocol version, then a summary. The
# exit status is 0 when all pass, 1 when some fail, 2 when it could not begin.
#
#   run.sh [SCENARIO...]     default: all that the server is meant to pass
#
# Needs Go, node and npm. The suite, and a newer node when the installed one is
# too old for it, are kept in $CONFORMANCE_CACHE (default ~/.cache/mcpecho).
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=0.2.0-alpha.12
node_version=22.23.3 # the suite does not start on 20

scenarios=(
  'server-initialize                     2025-06-18 2025-11-25'
  'server-session-lifecycle              2025-03-26 2025-06-18 2025-11-25'
  'ping                                  2025-06-18 2025-11-25'
  'logging-set-level                     2025-06-18 2025-11-25'
  'completion-complete                   2025-06-18 2025-11-25 2026-07-28'
  'tools-list                            2025-06-18 2025-11-25 2026-07-28'
  'tools-call-simple-text                2025-06-18 2025-11-25 2026-07-28'
  'tools-call-image                      2025-06-18 2025-11-25 2026-07-28'
  'tools-call-audio                      2025-06-18 2025-11-25 2026-07-28'
  'tools-call-embedded-resource          2025-06-18 2025-11-25 2026-07-28'
  'tools-call-mixed-content              2025-06-18 2025-11-25 2026-07-28'
  'tools-call-error                      2025-06-18 2025-11-25 2026-07-28'
  'tools-call-with-progress              2025-06-18 2025-11-25 2026-07-28'
  'tools-call-with-logging               2025-06-18 2025-11-25'
  'resources-list                        2025-06-18 2025-11-25 2026-07-28'
  'resources-read-text                   2025-06-18 2025-11-25 2026-07-28'
  'resources-read-binary                 2025-06-18 2025-11-25 2026-07-28'
  'resources-templates-read              2025-06-18 2025-11-25 2026-07-28'
  'resources-subscribe                   2025-06-18 2025-11-25'
  'resources-unsubscribe                 2025-06-18 2025-11-25'
  'sep-2164-resource-not-found           2026-07-28'
  'prompts-list                          2025-06-18 2025-11-25 2026-07-28'
  'prompts-get-simple                    2025-06-18 2025-11-25 2026-07-28'
  'prompts-get-with-args                 2025-06-18 2025-11-25 2026-07-28'
  'prompts-get-embedded-resource         2025-06-18 2025-11-25 2026-07-28'
  'prompts-get-with-image                2025-06-18 2025-11-25 2026-07-28'
  'caching                               2026-07-28'
  'server-stateless                      2026-07-28'
  'server-sse-multiple-streams           2025-11-25 2026-07-28'
  'dns-rebinding-protection              2025-11-25 2026-07-28'
  'http-header-validation                2026-07-28'
  'http-custom-header-server-validation  2026-07-28'
  'json-schema-2020-12                   2025-11-25 2026-07-28'
)

die() { echo "conformance: $*" >&2; exit 2; }

for tool in go node npm; do
  command -v "$tool" >/dev/null || die "$tool is not installed"
done

# The suite, once for each version of it.
cache=${CONFORMANCE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mcpecho}/conformance-$suite
mkdir -p "$cache"
[[ -f $cache/package.json ]] || echo '{"private": true}' >"$cache/package.json"
packages=("@modelcontextprotocol/conformance@$suite")
node=node
if (($(node -p 'parseInt(process.versions.node)') < 22)); then
  platform=$(node -p 'process.platform + "-" + process.arch')
  packages+=("node-$platform@$node_version")
  node=$cache/node_modules/node-$platform/bin/node
fi
cli=$cache/node_modules/@modelcontextprotocol/conformance/dist/index.js
if [[ ! -f $cli ]] || ! command -v "$node" >/dev/null; then
  npm install --prefix "$cache" --ignore-scripts --no-audit --no-fund --loglevel=error "${packages[@]}" >/dev/null ||
    die "npm could not install ${packages[*]}"
fi

# One server process for all scenarios, on a port that it chooses.
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
go build -o "$work/server" ./integration_test/conformance
"$work/server" -addr 127.0.0.1:0 >"$work/url" 2>"$work/server.log" &
server=$!
for _ in {1..100}; do
  [[ -s $work/url ]] && break
  sleep 0.1
done
url=$(head -n 1 "$work/url")
[[ -n $url ]] || { cat "$work/server.log" >&2; die "the server did not start"; }

# passed says whether a scenario left checks and none of them is a failure.
passed() {
  "$node" -e '
    const fs = require("fs"), path = require("path")
    const files = fs.readdirSync(process.argv[1], { recursive: true }).filter(f => path.basename(f) === "checks.json")
    const checks = files.flatMap(f => JSON.parse(fs.readFileSync(path.join(process.argv[1], f), "utf8")))
    for (const c of checks) if (c.status === "FAILURE" || c.status === "WARNING")
      console.log(`      ${c.status.toLowerCase()}: ${c.id}: ${c.errorMessage ?? c.description ?? ""}`)
    process.exit(checks.some(c => c.status === "SUCCESS") && !checks.some(c => c.status === "FAILURE") ? 0 : 1)
  ' "$1"
}

ok=0 failed=0
for line in "${scenarios[@]}"; do
  read -r name versions <<<"$line"
  if (($#)) && [[ " $* " != *" $name "* ]]; then continue; fi
  for version in $versions; do
    out=$work/out/$name/$version
    mkdir -p "$out"
    (cd "$out" && "$node" "$cli" server --url "$url" --scenario "$name" --spec-version "$version" -o "$out" >"$out/log" 2>&1) || true
    if report=$(passed "$out"); then
      printf 'pass  %-38s %s\n' "$name" "$version"
      ok=$((ok + 1))
    else
      printf 'FAIL  %-38s %s\n' "$name" "$version"
      tail -n 5 "$out/log"
      failed=$((failed + 1))
    fi
    [[ -z $report ]] || echo "$report"
  done
done
kill -0 "$server" 2>/dev/null || { cat "$work/server.log"; echo "the server died"; failed=$((failed + 1)); }
echo "$ok passed, $failed failed"
((failed == 0 && ok > 0))
