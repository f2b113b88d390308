#!/usr/bin/env bash
# See that these programs are there, and install those that are missing: need.sh chromium mvn …
# It says first what it installs, how large that is and, where it can't, what somebody else has to install.
set -euo pipefail
declare -A package=([mvn]=maven [java]=default-jdk-headless [node]=nodejs [npm]=npm [chromium]=chromium
  [nginx]=nginx [redis-server]=redis-server [python3-venv]=python3-venv
  [gcc]=build-essential [go]=golang-go [cargo]=cargo [faketime]=faketime [debootstrap]=debootstrap [ip]=iproute2
  [libatomic1]=libatomic1)

there() {
  case $1 in
    java) command -v javac ;; # a runtime alone can't build
    python3-venv) python3 -c 'import ensurepip' ;;
    libatomic1) grep 'libatomic\.so\.1 ' <<<"$(/sbin/ldconfig -p)" ;; # for the driver of Playwright
    *) command -v "$1" || [ -x "/usr/sbin/$1" ] ;;
  esac >/dev/null 2>&1
}

missing=()
for program in "$@"; do
  there "$program" || missing+=("${package[$program]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

cannot() {
  echo "Missing here: ${missing[*]}. $1: install ${missing[*]} first, on Debian with apt-get install." >&2
  exit 1
}
command -v apt-get >/dev/null || cannot "There is no apt-get"
sudo=""
[ "$(id -u)" = 0 ] || sudo=$(command -v sudo) || cannot "You are not root, and there is no sudo"
export DEBIAN_FRONTEND=noninteractive
echo "Missing here: ${missing[*]}. Asking apt-get …"
$sudo apt-get update -qq
plan=$($sudo apt-get install --assume-no --no-install-recommends "${missing[@]}" 2>&1 || true)
count=$($sudo apt-get install -s --no-install-recommends "${missing[@]}" | grep -c '^Inst ' || true)
echo "Installing $count packages; minutes, with a slow network more."
grep -E '^(Need to get|After this operation)' <<<"$plan" | sed 's/^/  /' || true
# Each package is unpacked and then set up: a line for each tenth of that.
$sudo apt-get install -y --no-install-recommends "${missing[@]}" 2>&1 | awk -v all=$((2 * count)) '
  { last[NR % 20] = $0 }
  /^(Unpacking|Setting up) / { done++; while (tenth < 10 && done * 10 >= (tenth + 1) * all) { printf "  %d %%\n", 10 * ++tenth; fflush() } }
  /^E: / { failed = 1 }
  END { if (failed) for (line = NR - 19; line <= NR; line++) if (line > 0) print last[line % 20] }'
