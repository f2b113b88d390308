#!/usr/bin/env bash
# Install the Node clients that the tests use, unless they are there in the versions of the lock file.
set -euo pipefail
cd "$(dirname "$0")/../tests/node"
[ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
echo "Installing Node's clients, 20 MB …"
npm ci --silent --no-audit --no-fund
touch node_modules/.package-lock.json
