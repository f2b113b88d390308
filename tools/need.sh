#!/usr/bin/env bash
# See that these programs are there, and install those that are missing: need.sh chromium mvn …
set -euo pipefail
declare -A package=([mvn]=maven [java]=default-jdk-headless [node]=nodejs [npm]=npm [chromium]=chromium
  [nginx]=nginx [redis-server]=redis-server [python3-venv]=python3-venv
  [gcc]=build-essential [go]=golang-go [faketime]=faketime [ip]=iproute2
  [libatomic1]=libatomic1) # a library, which Playwright's driver needs
missing=()
for program in "$@"; do
  [ "$program" != java ] || program=javac # a runtime alone can't build
  [ "$program" != libatomic1 ] || ! grep -q 'libatomic\.so\.1 ' <<<"$(/sbin/ldconfig -p)" || continue
  command -v "$program" >/dev/null 2>&1 || [ -x "/usr/sbin/$program" ] ||
    missing+=("${package[${program/javac/java}]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "Installing ${missing[*]} …"
sudo=""
if [ "$(id -u)" != 0 ]; then
  sudo=$(command -v sudo) || { echo "Not root, and no sudo: install ${missing[*]} first." >&2; exit 1; }
fi
command -v apt-get >/dev/null || { echo "No apt-get here: install ${missing[*]} first." >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
