"""The chart and the autoscaler on a real control plane: real API server, controllers and scheduler, real Helm, real
Redis with the chart's own settings, and the real `relay autoscaler` with the rights that the chart gives it. Pods are
hollow: what their nodes would report comes from fleet.py.

The autoscaler runs outside of the cluster, since hollow nodes run nothing, but as it would inside: with its ConfigMap's
file, its ServiceAccount's bound token and the authority's certificate. Only addresses are put in place. Steps build on
each other and run in order; kubernetes.sh prepares everything.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback

# isort: off
from lab import FOLDER, PROGRAMS, ROOT, STEPS, Lab
import steps_helm
import steps_scaling
import steps_faults  # noqa: F401
import steps_rights  # noqa: F401 (steps run in the order of these lines)

# isort: on
from harness.machine import Trouble
from harness.process import end_all, undisturbed

#: Without these the others would say nothing.
NEEDED = (steps_helm.install, steps_helm.redis, steps_scaling.leads)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--until", metavar="WORDS", help="stop after the step whose sentence has these words")
    parser.add_argument(
        "--programs", type=pathlib.Path, default=PROGRAMS, metavar="DIR", help="where relay and relayctl are"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Every RELAY_ variable is a key of the programs that are started here.
    for name in [name for name in os.environ if name.startswith("RELAY_")]:
        del os.environ[name]
    for program in ("relay", "relayctl"):
        if not os.access(options.programs / program, os.X_OK):
            print(f"error: {options.programs / program} is not there: make build", file=sys.stderr)
            return 1
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    passed = failed = skipped = 0
    children = []
    began = time.monotonic()
    lab = Lab(children, FOLDER, options.programs)
    try:
        lab.plane.start()
        # A hollow machine has one core and room for 110 pods.
        for index in range(3):
            lab.plane.add_node(f"hollow-{index + 1}", f"zone-{'abc'[index]}")
        lab.plane.require_nodes()
        lab.say(f"control plane with 3 hollow machines (logs: {FOLDER.relative_to(ROOT)})")
        broken = None
        for sentence, function in STEPS:
            if broken:
                skipped += 1
                print(f"SKIPPED {sentence}: {broken} did not", flush=True)
                continue
            try:
                function(lab)
                passed += 1
                print(f"ok   {sentence}", flush=True)
            except Exception as error:  # noqa: BLE001 (every failure is a failed test)
                failed += 1
                print(f"FAIL {sentence}: {str(error)[:4000]}", flush=True)
                if not isinstance(error, (AssertionError, Trouble)):
                    traceback.print_exc()
                if function in NEEDED:
                    broken = f"“{sentence}”"
            if options.until and options.until in sentence:
                break
    except Trouble as trouble:
        failed += 1
        print(f"FAIL the control plane: {trouble}")
    finally:
        with undisturbed():
            if lab.fleet:
                lab.fleet.stop()
            end_all(children)
            shutil.rmtree(FOLDER / "plane" / "etcd", ignore_errors=True)
            for path in [*FOLDER.glob("*.token"), FOLDER / "redis" / "redis.conf", *FOLDER.glob("plane/*.key")]:
                path.unlink(missing_ok=True)
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
