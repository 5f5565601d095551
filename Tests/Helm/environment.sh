#!/usr/bin/env bash
# Makes a Python environment with Helm's own SDK and the schemas of Kubernetes, once, and prints its folder. What could not be done is the
# only line that is printed otherwise, with status 1.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

folder=$ROOT/.build/helm
packages=(helm-python-sdk==0.2.2 kubernetes-validate==1.37.0 PyYAML==6.0.3)
# Judges an admission policy; there is none for every Python, and its test is skipped then.
optional=(cel-expr-python==0.1.3)
mark=$folder/$(printf '%s,' "${packages[@]}")ready
if [ ! -e "$mark" ]; then
    rm -rf "$folder"
    mkdir -p "$LOGS"
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
        (install_packages required 'python3 cmd:python3 runs the tests' 'python3-venv pkg:python3-venv an environment for Helm') >&2 || true
    python3 -m venv "$folder" >"$LOGS/helm-environment.log" 2>&1 || {
        say "python3 cannot make an environment (on Debian: apt-get install python3-venv)"
        exit 1
    }
    timeout 300 "$folder/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" >>"$LOGS/helm-environment.log" 2>&1 || {
        say "pip cannot install ${packages[*]} (log: .build/logs/helm-environment.log)"
        rm -rf "$folder"
        exit 1
    }
    timeout 120 "$folder/bin/pip" install --quiet --disable-pip-version-check "${optional[@]}" >>"$LOGS/helm-environment.log" 2>&1 || true
    touch "$mark"
fi
say "$folder"
