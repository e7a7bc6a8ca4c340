#!/usr/bin/env bash
# Build the wheel and the archive of sources, check their metadata, and try the wheel in fresh environments.
#
#   tools/dist.sh [EXTRA ...]
#
# The first environment has no extra, and runs the README's Python snippets; then comes one for each EXTRA, by default
# each that users install. PYTHON names the interpreter. Packages are the ones that constraints.txt pins, torch included.
set -euo pipefail
cd "$(dirname "$0")/.."

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
extras=("$@")
if [ ${#extras[@]} -eq 0 ]; then
  extras=(tensorboard cluster sentences molecules examples)
fi

"${PYTHON:-python3}" -m venv "$work/build"
"$work/build/bin/python" -m pip install --quiet build twine
rm -rf dist
"$work/build/bin/python" -m build --outdir dist . > "$work/build.log" || { cat "$work/build.log"; exit 1; }
"$work/build/bin/python" -m twine check --strict dist/*

try() { # try NAME EXTRA: install the wheel with an extra, import every public name, run the README's snippets
  "${PYTHON:-python3}" -m venv "$work/$1"
  "$work/$1/bin/python" -m pip install --quiet -c constraints.txt "$(ls "$PWD"/dist/*.whl)$2"
  (cd "$work" && "$work/$1/bin/python" "$OLDPWD/tools/try_wheel.py" "$OLDPWD/README.md")
  rm -rf "${work:?}/$1"
  echo "the wheel works with ${2:-no extra}"
}

try plain ""
for extra in "${extras[@]}"; do
  try "$extra" "[$extra]"
done
