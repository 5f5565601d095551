#!/usr/bin/env bash
# Builds the relay optimised, installs what the scenarios need, and hands on to chaos.py beside this file. Used by `make chaos`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../dev/common.sh"

install_packages required 'python3 cmd:python3 runs the scenarios'
# A mistyped name is told before a build of minutes.
python3 -B Cluster/scenarios/chaos.py --list "$@" >/dev/null
need_swift
install_build_packages
install_packages required 'redis-server cmd:redis-server the registry' 'gcc cmd:gcc builds the load tool' 'make cmd:make builds the load tool'
step build-relay 2400 swift build "${BUILD_FLAGS[@]}" --product relay
step build-relayctl 2400 swift build "${BUILD_FLAGS[@]}" --product relayctl
trap - EXIT INT TERM
exec python3 -B Cluster/scenarios/chaos.py "$@"
