#!/usr/bin/env bash
# Build the wheel and the archive of sources, check their metadata, and try the wheel in fresh environments.
#
#   tools/dist.sh [EXTRA ...]
#
# The first environment has no extra. One for each EXTRA, by default each that users install, begins with the packages of
# the first and installs what the extra adds, so that torch is unpacked once. In each of them every public name is
# imported, what the extra is for is used, and the README's Python snippets are run. PYTHON names the interpreter.
# Packages are the ones that constraints.txt pins, torch included.
set -euo pipefail
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
extras=("$@")
if [ ${#extras[@]} -eq 0 ]; then
  extras=(tensorboard cluster sentences traffic molecules examples)
fi

"$python" -m venv "$work/build"
"$work/build/bin/python" -m pip install --quiet --no-compile build twine
mkdir "$work/source"
git ls-files -z | xargs -0 cp --parents -t "$work/source"
"$python" tools/index_readme.py "$work/source"
rm -rf dist
"$work/build/bin/python" -m build --outdir dist "$work/source" > "$work/build.log" || { cat "$work/build.log"; exit 1; }
"$work/build/bin/python" -m twine check --strict dist/*
wheel="$(ls "$PWD"/dist/*.whl)"

try() { # try ENVIRONMENT EXTRA: import every public name, use what the extra is for, run the README's snippets
  (cd "$work" && "$work/$1/bin/python" "$OLDPWD/tools/try_wheel.py" "$OLDPWD/README.md" ${2:+"$2"})
  echo "the wheel works with ${2:-no extra}, after $SECONDS s"
}

"$python" -m venv "$work/plain"
"$work/plain/bin/python" -m pip install --quiet --no-compile -c constraints.txt "$wheel"
try plain ""
packages="$("$work/plain/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
for extra in "${extras[@]}"; do
  "$python" -m venv --without-pip "$work/$extra"
  site="$("$work/$extra/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
  echo "$packages" > "$site/plain.pth"
  "$work/$extra/bin/python" -m pip install --quiet --no-compile -c constraints.txt "$wheel[$extra]"
  try "$extra" "$extra"
  rm -rf "${work:?}/$extra"
done
