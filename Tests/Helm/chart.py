"""Tests of the chart in Helm/relay without a cluster. Run by helm.sh, in the environment that it makes; `--write-
golden` notes the names of all values anew, which are what users type.

Every test is a function `test_…` of a module here, and a sentence; a set of values is a file of Helm/relay/ci.
"""

import sys
import time
import traceback

import helm_python as helm
import test_all
import test_network
import test_nodes
import test_programs
import test_replicas
import test_rights
import test_values
from support import CHART, KUBERNETES, ROOT, SETS, Skip

MODULES = (test_all, test_nodes, test_replicas, test_rights, test_network, test_values, test_programs)


def main():
    began = time.monotonic()
    tests = [
        (name[5:].replace("_", " "), one)
        for module in MODULES
        for name, one in vars(module).items()
        if name.startswith("test_")
    ]
    passed = failed = skipped = 0
    print(
        f"chart {CHART.relative_to(ROOT)} with Helm {helm.helm_sdk_version()}, schemas of Kubernetes {', '.join(KUBERNETES)}, values: {', '.join(SETS)}"
    )
    for name, one in tests:
        try:
            one()
            passed += 1
        except Skip as reason:
            skipped += 1
            print(f"SKIPPED {name}: {reason}")
        except Exception as error:
            failed += 1
            print(f"FAIL {name}: {str(error)[:2000]}")
            if not isinstance(error, AssertionError):
                traceback.print_exc()
    print(f"{time.monotonic() - began:.1f} s")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
