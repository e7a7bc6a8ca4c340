#!/usr/bin/env bash
# Install the lowest versions that pyproject.toml declares and run the contract suites with them.
#
#   tools/lowest.sh [FOLDER]
#
# FOLDER gets the virtual environment; a temporary one is used, and removed, without it. PYTHON names the interpreter
# (python3.11 has packages of all versions), TORCH another torch than the lowest: on Linux the index has torch 2.6.0 for
# x86 with CUDA only, which is several gigabytes, so give a build for CPUs where you have one, such as
# TORCH=torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl, or leave torch at the newest by TORCH=torch.
set -euo pipefail
cd "$(dirname "$0")/.."

folder="${1:-}"
if [ -z "$folder" ]; then
  folder="$(mktemp -d)"
  trap 'rm -rf "$folder"' EXIT
fi
constraints="$folder/constraints.txt"
mkdir -p "$folder"
cp constraints-lowest.txt "$constraints"
if [ -n "${TORCH:-}" ]; then
  sed -i '/^torch==/d' "$constraints"
fi

"${PYTHON:-python3}" -m venv "$folder/venv"
# Packages are compiled when they are installed: old ones warn when Python reads their source.
"$folder/venv/bin/python" -m pip install --quiet -c "$constraints" ${TORCH:+"$TORCH"} -e . pytest pytest-xdist hypothesis
"$folder/venv/bin/python" -m pip list --format freeze | grep -iE '^(torch|torch.geometric|networkx|scipy|numpy)=='

export OMP_NUM_THREADS=1
# The warnings of old packages are not errors; the tests of the newest versions hold graphseq to that.
"$folder/venv/bin/python" -m pytest -q -n "${WORKERS:-auto}" -o filterwarnings= -p no:cacheprovider \
  tests/_torch tests/data tests/io tests/nn tests/reach tests/tasks tests/transforms tests/training tests/test_lazy.py
