#!/usr/bin/env bash
# Rules that a compiler does not know, then formatting. `--fix` formats in place instead. Used by `make lint`, `make test`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

need_swift
mapfile -d '' -t swift_files < <(git ls-files --cached --others --exclude-standard -z -- '*.swift' | sort -zu |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done)
if [ "${1-}" = --fix ]; then
    timeout 300 swift format format --in-place --parallel "${swift_files[@]}"
    say "formatted ${#swift_files[@]} files"
    exit 0
fi

command -v python3 >/dev/null 2>&1 || install_packages required 'python3 cmd:python3 runs the soundness rules'
export PYTHONDONTWRITEBYTECODE=1
code=0
say "- the rules and the matrix can fail (self-tests)"
(cd Tests/Tools && timeout 60 python3 -m unittest -q test_soundness) || code=1
(cd Tests/Interop && timeout 60 python3 -m unittest -q test_judgement) || code=1
(cd Cluster/scenarios && timeout 60 python3 -m unittest -q test_judge) || code=1
say "- soundness"
timeout 300 python3 Tests/Tools/soundness.py || code=1
say "- scripts parse"
while IFS= read -r script; do bash -n "$script" || code=1; done < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
say "- formatting (make format repairs most of it)"
timeout 300 swift format lint --strict --parallel "${swift_files[@]}" || code=1
[ "$code" -eq 0 ] && say "lint: ${#swift_files[@]} Swift files, no findings" || say "lint: FAILED"
exit "$code"
