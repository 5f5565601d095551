#!/usr/bin/env bash
# Builds the relay and starts a cluster on this machine: Redis, two origins, three edges and a test publisher; Ctrl-C ends
# all of it. Words given go to cluster.py beside this file (`--help` lists them). Used by `make cluster`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case " $* " in *" -h "* | *" --help "*) exec python3 -B Cluster/dev/cluster.py --help ;; esac
# Ports and words are looked at before a build of minutes.
install_packages required 'python3 cmd:python3 starts and ends the processes'
python3 -B Cluster/dev/cluster.py --check "$@"
need_swift
install_build_packages
install_packages required 'redis-server cmd:redis-server the registry'
case " $* " in
*" --publisher verifiable "* | *" --publisher=verifiable "* | *" --publisher none "* | *" --publisher=none "*) ;;
*)
    install_packages optional 'ffmpeg cmd:ffmpeg publishes the test picture' \
        'fonts-dejavu-core file:/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf draws a clock into the test picture'
    ;;
esac
step build-relay 2400 swift build "${BUILD_FLAGS[@]}" --product relay
step build-relayctl 2400 swift build "${BUILD_FLAGS[@]}" --product relayctl
trap - EXIT INT TERM
exec python3 -B Cluster/dev/cluster.py "$@"
