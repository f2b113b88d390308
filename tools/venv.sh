#!/usr/bin/env bash
# Make a virtual environment and install requirements into it: venv.sh PYTHON FOLDER REQUIREMENTS
set -euo pipefail
python=$1 folder=$2 requirements=$3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "The bridge needs Python 3.11 or newer; $("$python" --version) was found. Set PYTHON=…" >&2
  exit 1
}
if [ ! -x "$folder/bin/pip" ]; then
  # Anew: of one whose making was interrupted, pip may be there in part. Debian has ensurepip in a package of its own.
  "$python" -m venv --clear "$folder" 2>/dev/null || {
    rm -rf "$folder"
    "$(dirname "$0")/need.sh" python3-venv
    "$python" -m venv "$folder"
  }
fi
echo "Installing $requirements into $folder: less than a minute, with a slow network more …"
hashes=()
[ "${requirements%.lock}" = "$requirements" ] || hashes=(--require-hashes)
"$folder/bin/pip" install --disable-pip-version-check --progress-bar off "${hashes[@]}" -r "$requirements" |
  sed -un -e 's/^Collecting \([^ ]*\).*/  \1/p' -e 's/^\(Installing collected packages\):.*/  \1 …/p'
