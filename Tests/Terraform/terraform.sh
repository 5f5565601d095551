#!/usr/bin/env bash
# Formats, validates, plans, applies and destroys what is in Terraform/, against a mock of the cloud on this machine; `make
# test-terraform` calls it. About four minutes. Nothing leaves this machine, and no account is needed. It needs a terraform binary
# (PATH, or RELAY_TERRAFORM) and a folder with the AWS provider (RELAY_TF_PLUGINS, or one of the usual places); what is missing is
# said, and its tests are counted as skipped. Words given choose parts: format, variables, validate, plan, apply.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

# Newest of the 5.x that were tried; others work as long as they have the names that mock.py grafts on.
needed=('moto[server,eks,elasticache,ec2,autoscaling]==5.2.1' pyyaml jsonschema)
probe='import moto.server, moto.eks, moto.elasticache, moto.autoscaling, yaml, jsonschema, boto3; from importlib.metadata import version; assert version("moto") == "5.2.1"'

command -v python3 >/dev/null 2>&1 || { say "skipped: there is no python3"; say "0 passed, 0 failed, 1 skipped"; exit 0; }
python=python3
venv=$ROOT/.build/terraform-venv
# Without terraform there is nothing to prepare for: the suite says so.
if { [ -n "${RELAY_TERRAFORM:-}" ] || command -v terraform >/dev/null 2>&1; } && ! python3 -c "$probe" 2>/dev/null; then
    python=$venv/bin/python
    if ! "$python" -c "$probe" 2>/dev/null; then
        say "Python packages to install in .build/terraform-venv: ${needed[*]}"
        mkdir -p "$LOGS"
        rm -rf "$venv"
        python3 -c 'import ensurepip' 2>/dev/null || install_packages optional 'python3-venv pkg:python3-venv an environment for these'
        { timeout 60 python3 -m venv "$venv" && timeout 240 "$venv/bin/pip" install -q "${needed[@]}"; } >"$LOGS/terraform-venv.log" 2>&1 ||
            say "  (could not be installed, log: .build/logs/terraform-venv.log; what needs the mock is skipped)"
        [ -x "$python" ] || python=python3
    fi
fi
exec "$python" -B Tests/Terraform/suite.py "$@"
