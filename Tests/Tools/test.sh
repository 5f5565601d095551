#!/usr/bin/env bash
# Installs what tests need and runs them all; `make test` and continuous integration call it. Words given choose steps:
# lint, build, unit, interop, helm, stories. A failing step does not hide the ones after it, but those that need its result.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

steps=${*:-lint build unit interop helm stories}
began=$SECONDS
failed=()
want() { [[ " $steps " == *" $1 "* ]]; }

need_swift
install_build_packages
Tests/Tools/install-test-tools.sh

if want lint; then step lint 600 Tests/Tools/lint.sh || failed+=(lint); fi

built=yes
if want build; then
    # Everything at once, so that nothing below builds again.
    step build 2400 swift build "${BUILD_FLAGS[@]}" --build-tests || { failed+=(build); built=; }
fi

passed=0 broken=0 skipped=0
if want unit; then
    if [ -n "$built" ]; then
        step unit 900 swift test "${BUILD_FLAGS[@]}" --skip-build --disable-xctest || failed+=(unit)
        grep -aE 'Test run with' "$LOGS/unit.log" | tail -n 4 || true
    else
        say "[unit] not run: the build failed"
    fi
fi

if want interop; then
    if [ -n "$built" ]; then
        step interop 420 python3 -B Tests/Interop/matrix.py || failed+=(interop)
        sed -n '/^=== /,$p' "$LOGS/interop.log"
    else
        say "[interop] not run: the build failed"
    fi
fi

# The chart: rendered in several shapes, held against the schemas of current Kubernetes, linted. And the file that its image is built from.
if want helm; then
    step helm 420 Tests/Helm/helm.sh || failed+=(helm)
    grep -aE '^SKIPPED' "$LOGS/helm.log" || true
    tail -n 1 "$LOGS/helm.log"
    step dockerfile 300 Tests/Tools/dockerfile.sh || failed+=(dockerfile)
    sed -nE 's/^ *skip  /SKIPPED Dockerfile: /p' "$LOGS/dockerfile.log"
    tail -n 1 "$LOGS/dockerfile.log"
fi

# The eight failures that other clusters are known for, each with real processes; quick, since their promises are the same.
if want stories; then
    if [ -n "$built" ]; then
        step stories 400 python3 -B Cluster/scenarios/chaos.py --quick --json "$LOGS/stories.json" 'story-*' || failed+=(stories)
        grep -aE '^story-|^[0-9]+ of [0-9]+ passed' "$LOGS/stories.log" || true
    else
        say "[stories] not run: the build failed"
    fi
fi

# One line over all suites, counted from what their runners printed.
count() { { [ ! -f "$1" ] || grep -acE "$2" "$1"; } || true; }
if want unit && [ -n "$built" ]; then
    passed=$(count "$LOGS/unit.log" '^.{0,3} Test (case )?.* passed after ')
    broken=$(count "$LOGS/unit.log" '^.{0,3} Test (case )?.* failed after ')
    skipped=$(count "$LOGS/unit.log" '^.{0,3} Test .* skipped(\.$|: ")')
fi
add_counts() {
    local p f s
    read -r p f s < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$1" | tail -n 1) || true
    passed=$((passed + ${p:-0})) broken=$((broken + ${f:-0})) skipped=$((skipped + ${s:-0}))
}
if want interop && [ -n "$built" ]; then add_counts "$LOGS/interop.log"; fi
if want helm; then
    add_counts "$LOGS/helm.log"
    add_counts "$LOGS/dockerfile.log"
fi
say "total time: $(((SECONDS - began) / 60)) min $(((SECONDS - began) % 60)) s"
say "$passed passed, $broken failed, $skipped skipped"
if [ ${#failed[@]} -gt 0 ]; then
    say "FAILED: ${failed[*]} (logs in .build/logs)"
    exit 1
fi
