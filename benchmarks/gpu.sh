#!/usr/bin/env bash
# All that is to be measured on a GPU, in one command of at most eight minutes, on a machine with torch and PyG:
#
#     benchmarks/gpu.sh --out gpu.json
#
# It needs nothing installed beside graphseq's dependencies, and no network; it says what is missing. The record names
# the card. Without a GPU, to see that it runs: benchmarks/gpu.sh --device cpu --tiny
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$(dirname "$here")${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" "$here/gpu.py" "$@"
