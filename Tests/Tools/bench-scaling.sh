#!/usr/bin/env bash
# The autoscaler's figures: `make bench-scaling TRACES=folder [SUITE="replay crowds scale-ins tick registry fleet grow"]`.
# Traces are CSV files `t_s,demand` with a value each minute or five. What each suite prints goes to .build/bench-scaling too, with
# the date and the commit on top; --record keeps it in Tests/Benchmarks/results.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

traces='' record='' suites=()
while [ $# -gt 0 ]; do
    case $1 in
    --traces) [ $# -gt 1 ] || fail "--traces needs a folder"; traces=$2; shift ;;
    --record) record=yes ;;
    -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    replay | crowds | scale-ins | tick | registry | fleet | grow) suites+=("$1") ;;
    *) fail "unknown word '$1'; suites are replay crowds scale-ins tick registry fleet grow" ;;
    esac
    shift
done
[ ${#suites[@]} -gt 0 ] || suites=(replay crowds scale-ins tick registry fleet grow)
if [[ " ${suites[*]} " == *" replay "* || " ${suites[*]} " == *" crowds "* ]]; then
    [ -n "$traces" ] || fail "say where demand traces are: make bench-scaling TRACES=folder (CSV files with the columns t_s,demand)"
    [ -d "$traces" ] || fail "there is no folder $traces"
fi

need_swift
install_build_packages
if [[ " ${suites[*]} " == *" registry "* ]]; then
    install_packages required 'redis-server cmd:redis-server the registry that is put under load'
fi
step build-scalingbench 2400 swift build "${BUILD_FLAGS[@]}" --product scalingbench
trap - EXIT INT TERM
bench=$(swift build "${BUILD_FLAGS[@]}" --show-bin-path)/scalingbench
out=.build/bench-scaling
mkdir -p "$out"
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || commit="$commit and changes"

failed=()
run() {
    local name=$1
    shift
    say "== $name: scalingbench $*"
    { echo "# $(date -u +%F), commit $commit: scalingbench ${*//"$traces"/TRACES}"; } >"$out/$name.txt"
    "$bench" "$@" | tee -a "$out/$name.txt" || failed+=("$name")
    [ -z "$record" ] || cp "$out/$name.txt" "Tests/Benchmarks/results/scaling-$name.txt"
}
for suite in "${suites[@]}"; do
    case $suite in
    replay)
        run replay-120 replay "$traces" --lead 120
        run replay-300 replay "$traces" --lead 300
        run replay-20-nodes replay "$traces" --lead 120 --peak 20 --own
        run replay-400-nodes replay "$traces" --lead 120 --peak 400 --own
        run utilisation replay "$traces" --lead 120 --sweep --own
        ;;
    crowds) run crowds crowds "$traces" ;;
    scale-ins) run scale-ins scale-ins ;;
    tick) run tick tick ;;
    registry) run registry registry ;;
    fleet) run fleet fleet ;;
    grow)
        run grow-380 grow --machines 1 --from 1000 --to 1380
        run grow-5000 grow --machines 10 --from 1000 --to 5000 --ramp 600 --edges 6000
        ;;
    esac
done
[ ${#failed[@]} -eq 0 ] || fail "failed: ${failed[*]}"
