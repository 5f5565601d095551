#!/usr/bin/env bash
# Builds every product, optimised. Used by `make build`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need_swift
install_build_packages
step build 2400 swift build "${BUILD_FLAGS[@]}"
say "built: .build/release/relay and .build/release/relayctl"
