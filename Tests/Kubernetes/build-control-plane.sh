#!/usr/bin/env bash
# Builds the four programs of a Kubernetes control plane once a machine, from Debian's source package: kube-apiserver,
# kube-controller-manager, kube-scheduler, and kubemark, whose hollow nodes "run" pods without containers. Some 6 minutes and
# 2 GB of scratch on two cores; the programs (350 MB) stay in a folder outside of the checkout. Runs again and again: what is
# there is kept, what was broken off is begun anew.
#
#   RELAY_KUBE_CACHE   where the programs are kept (default ~/.cache/edge-relay/kubernetes-1.20.2)
#
# Ends with 0 and the folder's path as the last line; with 77 and one sentence why when this machine cannot do it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

VERSION=1.20.2
CACHE=${RELAY_KUBE_CACHE:-$HOME/.cache/edge-relay/kubernetes-$VERSION}
PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubemark)
BUILD_SECONDS=3600
LOG=$CACHE/build.log

skip() {
    say "SKIPPED: no Kubernetes control plane here: $*"
    exit 77
}

complete() {
    local program
    for program in "${PROGRAMS[@]}"; do [ -x "$CACHE/$program" ] || return 1; done
}

# Programs of the system that a running control plane needs, whoever built it.
needs_at_run=('etcd-server cmd:etcd the store of the control plane' 'openssl cmd:openssl the keys of the test' 'redis-server cmd:redis-server the reports of the nodes')
(install_packages required "${needs_at_run[@]}") || skip "etcd, openssl or redis-server could not be installed"

if complete; then
    say "$CACHE"
    exit 0
fi

command -v apt-get >/dev/null 2>&1 || skip "not a Debian machine: the source package cannot be fetched (put ${PROGRAMS[*]} of any version into $CACHE instead)"
mkdir -p "$CACHE"
free=$(df --output=avail -k "$CACHE" | tail -n 1)
[ "$free" -gt 3500000 ] || skip "$CACHE has $((free / 1024)) MB free, 3500 are needed"

# One build at a time; a second caller waits for the first and finds its work done.
exec 9>"$CACHE/lock"
flock -n 9 || say "another build is running; waiting for it"
flock -w "$BUILD_SECONDS" 9 || skip "another build held $CACHE/lock for an hour"
if complete; then
    say "$CACHE"
    exit 0
fi

(install_packages required 'golang-go cmd:go the compiler of the control plane' 'dpkg-dev cmd:dpkg-source unpacks the source' \
    'make cmd:make builds it' 'rsync cmd:rsync its make files use it') || skip "a Go compiler could not be installed"

# --- the source: a list of its own, so that the machine's package lists stay as they are --------------------------------

SCRATCH=$CACHE/scratch
rm -rf "$SCRATCH"
mkdir -p "$SCRATCH/lists/partial" "$SCRATCH/archives/partial"
# The mirror that this machine's own lists use.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
    sed -nE 's#^(URIs:|deb(-src)? (\[[^]]*\] )?)[[:space:]]*(https?://[^ ]*/debian)/?([[:space:]].*)?$#\4#p' | head -n 1) || true
[ -n "$mirror" ] || skip "no Debian mirror is in the machine's package lists"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
printf 'Types: deb-src\nURIs: %s\nSuites: bookworm\nComponents: main\n' "$mirror" >"$SCRATCH/source.sources"
[ ! -e "$keyring" ] || printf 'Signed-By: %s\n' "$keyring" >>"$SCRATCH/source.sources"
apt=(apt-get -q -o "Dir::Etc::sourcelist=$SCRATCH/source.sources" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$SCRATCH/lists"
    -o "Dir::Cache=$SCRATCH" -o APT::Sandbox::User=root)

say "[1/3] fetching the source package kubernetes $VERSION from $mirror"
if ! timeout 300 "${apt[@]}" update >"$LOG" 2>&1; then
    tail -n 5 "$LOG"
    skip "the list of Debian's source packages could not be fetched (log: $LOG)"
fi
cd "$SCRATCH"
if ! timeout 600 "${apt[@]}" source --download-only "kubernetes=$VERSION*" >>"$LOG" 2>&1 &&
    ! timeout 600 "${apt[@]}" source --download-only kubernetes >>"$LOG" 2>&1; then
    tail -n 5 "$LOG"
    skip "the source package could not be fetched (log: $LOG)"
fi
say "[2/3] unpacking"
dpkg-source --no-check -x kubernetes_*.dsc tree >>"$LOG" 2>&1 || skip "the source package did not unpack (log: $LOG)"

# --- the build -----------------------------------------------------------------------------------------------------------

cd tree
mkdir -p _go/src/k8s.io
ln -sfn ../../.. _go/src/k8s.io/kubernetes
[ -d vendor ] || skip "the source package of this version brings no vendored dependencies"
say "[3/3] building ${PROGRAMS[*]} (about 6 minutes on two cores; log: $LOG)"
began=$SECONDS
env GOPATH="$PWD/_go" GOFLAGS=-mod=vendor GO111MODULE=auto CGO_ENABLED=0 GOCACHE="$SCRATCH/gocache" GOTOOLCHAIN=local \
    timeout "$BUILD_SECONDS" nice -n 5 make -C _go/src/k8s.io/kubernetes \
    WHAT="cmd/kube-apiserver cmd/kube-controller-manager cmd/kube-scheduler cmd/kubemark" >>"$LOG" 2>&1 9>&- &
build=$!
trap 'kill "$build" 2>/dev/null; exit 130' INT TERM
while kill -0 "$build" 2>/dev/null; do
    sleep 1
    [ $(((SECONDS - began) % 30)) -ne 0 ] || say "      $((SECONDS - began)) s  $(tail -n 1 "$LOG" | cut -c1-100)"
done
wait "$build" || {
    tail -n 20 "$LOG"
    skip "the control plane did not build (log: $LOG)"
}
for program in "${PROGRAMS[@]}"; do
    found=$(find _output -type f -name "$program" -perm -u+x | head -n 1)
    [ -n "$found" ] || skip "the build left no $program (log: $LOG)"
    mv "$found" "$CACHE/$program.new"
    mv "$CACHE/$program.new" "$CACHE/$program"
done
cd "$CACHE"
rm -rf "$SCRATCH"
say "built in $((SECONDS - began)) s"
say "$CACHE"
