#!/usr/bin/env bash
# Build the Scala example, start it on a free port, and put the bridge in front, with the clicker's own page:
# run-scala.sh PYTHON [flags of app.py]
set -euo pipefail
python=$1
shift
cd "$(dirname "$0")/.."
example=examples/scala-server
jar=$example/target/scala-server.jar
# Built anew when a source is newer than the jar.
if [ ! -e "$jar" ] || [ -n "$(find "$example/src/main" "$example/pom.xml" -newer "$jar" -print -quit)" ]; then
  echo "Building $example; the first time this takes a minute or two …"
  mvn -q -f "$example/pom.xml" package -Dmaven.test.skip
fi
out=$(mktemp)
java -jar "$jar" --port 0 > >(tee "$out") &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$out"' EXIT
until address=$(sed -n 's/^listening on //p' "$out") && [ -n "$address" ]; do
  kill -0 "$server" 2>/dev/null || { echo "The Scala server did not start." >&2; exit 1; }
  sleep 0.1
done
"$python" app.py --server "$address" --identity register --payload json --event-key action --confirm --replies \
  --handlers examples/handlers/clicker/clicker.py "$@" &
bridge=$!
trap 'kill "$bridge" "$server" 2>/dev/null || true; wait "$bridge" 2>/dev/null || true; rm -f "$out"' EXIT
trap 'exit 0' INT TERM
wait "$bridge"
