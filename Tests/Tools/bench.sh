#!/usr/bin/env bash
# Builds the relay optimised and hands on to the benchmark, which installs what it needs itself. Used by `make bench` and
# `make soak`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

need_swift
install_build_packages
install_packages required 'python3 cmd:python3 runs the benchmark' 'gcc cmd:gcc builds the load tool'
step build-relay 2400 swift build "${BUILD_FLAGS[@]}" --product relay
trap - EXIT INT TERM
exec python3 -B Tests/Benchmarks/bench.py "$@"
