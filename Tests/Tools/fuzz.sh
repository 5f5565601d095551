#!/usr/bin/env bash
# Fuzzes each parser for a while, one after the other: `fuzz.sh [SECONDS] [TARGET...]`, one minute each and all of them by
# default. New inputs are kept in .build/fuzz; what crashes is put there too, belongs into Tests/Fuzz/Corpora once it is
# repaired, and is replayed from there by the ordinary tests. Used by `make fuzz`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

seconds=60
if [[ ${1-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd Tests/Fuzz/Sources && printf '%s\n' Fuzz*)

need_swift
install_build_packages
export SWIFT_BACKTRACE=enable=no
failed=()
for target in "${targets[@]}"; do
    [ -d "Tests/Fuzz/Sources/$target" ] || fail "there is no fuzz target $target"
    step "build-$target" 1800 swift build --package-path Tests/Fuzz -c release --sanitize=fuzzer --product "$target"
    found=.build/fuzz/$target
    mkdir -p "$found"
    # Inputs that take 5 s or 256 MiB count as failures: a stranger may send them too.
    step "$target" $((seconds + 60)) "Tests/Fuzz/.build/release/$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=256 \
        -print_final_stats=1 -artifact_prefix="$found/crash-" "$found" "Tests/Fuzz/Corpora/$target" || failed+=("$target")
    grep -aE '^stat::(number_of_executed_units|average_exec_per_sec)|^Done ' "$LOGS/$target.log" || true
done
[ ${#failed[@]} -eq 0 ] || fail "found something: ${failed[*]} (inputs in .build/fuzz)"
say "fuzz: ${#targets[@]} targets, nothing found"
