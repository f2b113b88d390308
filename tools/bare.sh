#!/usr/bin/env bash
# Prove the README on a bare Debian: make bare. It makes a root of its own by debootstrap, with what the README asks for
# and nothing else, clones the last commit into it, types both commands as they stand, and says how long each took.
#
# It needs root, and 5 GB of disk in TMPDIR. Of this machine's settings it takes those along that say where packages come
# from. What it mounts is seen by itself alone, and is gone with it, however it ends; so is the root, unless KEEP=1.
set -euo pipefail
suite=bookworm
cd "$(dirname "$0")/.."

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

times=""
timed() { # WHAT COMMAND…
  local what=$1 start=$SECONDS code=0
  shift
  say "$what …"
  "$@" || code=$?
  times+=$(printf '%5d s  %s' $((SECONDS - start)) "$what")$'\n'
  [ $code = 0 ] || { printf '\n%s%s\n' "$times" "failed: $what" >&2; exit 1; }
}

if [ "${1:-}" != inside ]; then
  [ "$(id -u)" = 0 ] || { echo "A root of its own can be made by root alone: sudo make bare" >&2; exit 1; }
  tools/need.sh debootstrap
  bare=$(mktemp -d "${TMPDIR:-/tmp}/bare.XXXXXX")
  chmod 755 "$bare"
  remove() {
    [ -z "$inside" ] || { kill -KILL "$inside"; wait "$inside" || true; } # which takes everything in it along
    if [ -n "${KEEP:-}" ]; then echo "It is kept in $bare"; else rm -rf --one-file-system "$bare"; fi
  }
  # In namespaces of its own: when its first process ends, so does every other, and the mounts with them.
  unshare --mount --pid --fork --kill-child --propagation private "$0" inside "$bare" &
  inside=$!
  trap remove EXIT
  trap 'exit 130' INT TERM
  code=0
  wait $inside || code=$?
  inside=""
  exit $code
fi

bare=$2

# A command there, as a newcomer types it: of this shell's variables it has those alone that say where packages come from.
mapfile -t settings < <(env | grep -E '^(https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|DEFAULT_TIMEOUT)|npm_config_(registry|cafile)|(NODE_EXTRA|[A-Z]*)_?(CA_CERTS|CA_BUNDLE|CERT_FILE|CERT_DIR))=')
there=(chroot "$bare" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" "${settings[@]}"
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

make_root() {
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' | sort -u |
    sed -n "s/ $suite\$//p" | head -1)
  debootstrap --variant=minbase "$suite" "$bare" ${mirror:+"$mirror"} >"$bare/log" 2>&1 || { tail "$bare/log" >&2; return 1; }
  mount -t proc proc "$bare/proc"
  mount -t sysfs -o ro sysfs "$bare/sys"
  mount -t devpts -o newinstance,ptmxmode=666 devpts "$bare/dev/pts"
  mkdir -p "$bare/dev/shm"
  mount -t tmpfs tmpfs "$bare/dev/shm"
}

# This machine's mirrors, names, certificates, and settings of package managers.
settle() {
  local file
  apt-get indextargets --format 'deb $(SITE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    grep -E "^deb [^ ]+ $suite(-updates|-security)? " | sort -u >"$bare/etc/apt/sources.list"
  for file in /etc/hosts /etc/resolv.conf /etc/pip.conf /etc/npmrc ~/.npmrc ~/.config/pip/pip.conf ~/.m2/settings.xml \
    $(grep -lsE '^ *Acquire::(https?|Check)' /etc/apt/apt.conf.d/*); do
    [ ! -f "$file" ] || install -D -m 644 "$file" "$bare${file/#$HOME//root}"
  done
  [ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates "$bare/usr/local/share/"
  "${there[@]}" apt-get update -qq
  "${there[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    ca-certificates git make python3 >"$bare/log" 2>&1 || { tail "$bare/log" >&2; return 1; }
  "${there[@]}" update-ca-certificates >/dev/null
}

# The demo's page, once: from the command until it answers.
first_page() {
  "${there[@]}" BRIDGE_PORT="$port" bash -c 'cd /root/bridge && exec make run' >"$bare/log" 2>&1 &
  local process=$! url=""
  until url=$(sed -n 's/^bridge .*: open \(http:[^ ]*\).*/\1/p' "$bare/log") && [ -n "$url" ]; do
    kill -0 $process 2>/dev/null || { cat "$bare/log" >&2; return 1; }
    sleep 0.2
  done
  "${there[@]}" python3 -c 'import sys, urllib.request as r; sys.exit("<canvas" not in r.urlopen(sys.argv[1]).read().decode())' "$url" ||
    { echo "the page at $url is not the demo's" >&2; return 1; }
  kill $process 2>/dev/null
  wait $process || true
  ! grep -i traceback "$bare/log" >&2
}

for port in $(seq 8080 8180); do # the README's, or, where something else has that, the next one
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done
timed "a bare Debian ($suite) in $bare" make_root
timed "apt-get install ca-certificates git make python3" settle
timed "git clone" git clone -q --no-hardlinks . "$bare/root/bridge"
timed "make run, until its page answers" first_page
timed "make test" "${there[@]}" make -C /root/bridge test ${ARGS:+ARGS="$ARGS"}
timed "make test, once more" "${there[@]}" make -C /root/bridge test ${ARGS:+ARGS="$ARGS"}
printf '\n%s' "$times"
