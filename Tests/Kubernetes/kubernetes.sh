#!/usr/bin/env bash
# Installs the chart on a real control plane with real Helm, runs the real autoscaler against it with reports in a real Redis,
# and holds what happens against what was decided. Some 5 minutes, and 8 more the first time, for building the control plane;
# `--until WORDS` stops early. Used by `make test-kubernetes`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

skip() {
    say "SKIPPED: the autoscaler on Kubernetes: $*"
    say "0 passed, 0 failed, 1 skipped"
    exit 0
}

need_swift
install_build_packages
environment=$(Tests/Helm/environment.sh) || skip "$environment"
code=0
Tests/Kubernetes/build-control-plane.sh || code=$?
[ "$code" -ne 77 ] || skip "see above"
[ "$code" -eq 0 ] || fail "the control plane's build ended with status $code"
step build-relay 2400 swift build "${BUILD_FLAGS[@]}" --product relay
step build-relayctl 2400 swift build "${BUILD_FLAGS[@]}" --product relayctl
trap - EXIT INT TERM
exec timeout --kill-after=30 1500 "$environment/bin/python" -B Tests/Kubernetes/capacity.py "$@"
