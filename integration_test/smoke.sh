#!/usr/bin/env bash
# Starts the invoicing example as a user does and asks it for its tools with
# the token that it prints.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
go build -o "$dir/invoicing" ./example/invoicing
"$dir/invoicing" -addr 127.0.0.1:0 -db "$dir/invoices.db" >"$dir/out" 2>"$dir/err" &
pid=$!
trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; rm -rf "$dir"' EXIT

for _ in $(seq 100); do
  grep -q '^npx' "$dir/out" && break
  kill -0 $pid || { cat "$dir/err"; exit 1; }
  sleep 0.1
done
# The first command that it prints, pasted.
answer=$(bash -c "$(grep -m1 '^curl' "$dir/out")")
case $answer in
*'"number":"A-3"'*'"number":"A-1"'*'"total":2'*) echo "smoke: the example listed its unsent invoices, the largest first" ;;
*) echo "smoke: unexpected answer: $answer"; cat "$dir/out" "$dir/err"; exit 1 ;;
esac
