# Shared by the scripts of this repository: messages, system packages, the toolchain check, and timed steps.
# Source it from a script that runs `set -euo pipefail`.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LOGS=$ROOT/.build/logs
cd "$ROOT"

say() { printf '%s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Swift 6.2 is the first that reads this manifest.
need_swift() {
    local hint="install Swift 6.2 or newer (https://www.swift.org/install/linux/) and put it on PATH" version
    command -v swift >/dev/null 2>&1 || fail "there is no Swift toolchain here: $hint"
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' | head -n 1)
    [ -n "$version" ] || fail "'swift --version' does not answer with a version: $hint"
    # shellcheck disable=SC2086 # two words on purpose
    set -- $version
    [ "$1" -gt 6 ] || { [ "$1" -eq 6 ] && [ "$2" -ge 2 ]; } || fail "Swift $1.$2 is too old: $hint"
}

# --- system packages -------------------------------------------------------------------------------------------------

# present PROBE: true when what a package would bring is there already, whoever brought it.
#   cmd:NAME a program · pc:NAME a library with its headers · file:PATH · pkg:NAME a Debian package
present() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    pc:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "${1#pc:}" ;;
    file:*) [ -e "${1#file:}" ] ;;
    pkg:*) [ "$(dpkg-query -W -f='${db:Status-Status}' "${1#pkg:}" 2>/dev/null)" = installed ] ;;
    *) return 1 ;;
    esac
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# install_packages required|optional 'PACKAGE PROBE WHY...' ...: installs what is missing from Debian or Ubuntu, says
# what and why, and is quick and silent when nothing is.
install_packages() {
    local kind=$1 line package probe why missing=()
    shift
    for line in "$@"; do
        read -r package probe why <<<"$line"
        present "$probe" && continue
        [ ${#missing[@]} -gt 0 ] || say "System packages to install:"
        printf '  %-28s %s\n' "$package" "$why"
        missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        [ "$kind" = required ] || { say "  (not a Debian or Ubuntu machine: going on without)"; return 0; }
        fail "this is not a Debian or Ubuntu machine; install the above by hand, then run this again"
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
        [ "$kind" = required ] || { say "  (neither root nor sudo: going on without)"; return 0; }
        fail "neither root nor sudo; as root: apt-get install ${missing[*]}"
    fi
    # An empty or old package list shows as a package without a candidate, or as an install that fails.
    apt-cache show "${missing[@]}" >/dev/null 2>&1 || package_lists || true
    if ! apt_install "${missing[@]}" && ! { package_lists && apt_install "${missing[@]}"; }; then
        tail -n 15 "$LOGS/packages.log" >&2
        [ "$kind" = required ] || { say "  (could not be installed: going on without)"; return 0; }
        fail "apt-get could not install ${missing[*]} (log: .build/logs/packages.log)"
    fi
    say "  done"
}

package_lists() {
    say "  refreshing the package lists"
    mkdir -p "$LOGS"
    as_root timeout 300 apt-get update >"$LOGS/packages.log" 2>&1
}

apt_install() {
    mkdir -p "$LOGS"
    as_root env DEBIAN_FRONTEND=noninteractive timeout 900 \
        apt-get install -y --no-install-recommends "$@" >>"$LOGS/packages.log" 2>&1
}

# What the build itself needs beside the toolchain.
install_build_packages() {
    install_packages required \
        'pkg-config cmd:pkg-config finds the C libraries' \
        'git cmd:git fetches the Swift packages' \
        'libssl-dev pc:libcrypto OpenSSL, for the RTMP handshake digest' \
        'libcurl4-openssl-dev pc:libcurl libcurl, for HTTP calls of relayctl' \
        'libhiredis-dev pc:hiredis hiredis, for the registry protocol' \
        'zlib1g-dev pc:zlib zlib, used by SwiftNIO extras'
}

# --- timed steps -----------------------------------------------------------------------------------------------------

STEP_PID=
end_step() {
    [ -n "$STEP_PID" ] || return 0
    # `timeout` leads the step's process group, and passes the signal on to it.
    kill -TERM "$STEP_PID" 2>/dev/null || true
    wait "$STEP_PID" 2>/dev/null || true
    STEP_PID=
}
trap 'end_step; exit 130' INT
trap 'end_step; exit 143' TERM
trap end_step EXIT

# step NAME SECONDS COMMAND...: runs the command with its output in .build/logs/NAME.log, shows how far it is, and on
# failure prints the errors and the end of the log. At most SECONDS.
step() {
    local name=$1 limit=$2 log code=0 began=$SECONDS shown=0 line
    shift 2
    log=$LOGS/$name.log
    mkdir -p "$LOGS"
    : >"$log"
    [ -t 1 ] || say "[$name] $*"
    timeout --kill-after=15 "$limit" "$@" >"$log" 2>&1 </dev/null &
    STEP_PID=$!
    while kill -0 "$STEP_PID" 2>/dev/null; do
        if [ -t 1 ]; then
            line=$(tail -c 400 "$log" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c1-90) || true
            printf '\r\033[K[%s] %d s  %s' "$name" $((SECONDS - began)) "$line"
        elif [ $((SECONDS - began - shown)) -ge 20 ]; then
            shown=$((SECONDS - began))
            line=$(tail -c 400 "$log" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c1-110) || true
            say "[$name] $shown s  $line"
        fi
        sleep 0.5
    done
    wait "$STEP_PID" || code=$?
    STEP_PID=
    [ ! -t 1 ] || printf '\r\033[K'
    if [ "$code" -ne 0 ]; then
        [ "$code" -ne 124 ] || say "[$name] stopped after its limit of $limit s"
        grep -E '(error:|✘|FAIL)' "$log" | awk '!seen[$0]++' | head -n 40 || true
        say "---- the end of .build/logs/$name.log"
        tail -n 40 "$log"
        say "[$name] FAILED with status $code after $((SECONDS - began)) s"
        return "$code"
    fi
    say "[$name] ok, $((SECONDS - began)) s"
}

# A dependency that is used without being declared is an error, as is any warning in our own code (the manifest says so).
BUILD_FLAGS=(-c release --explicit-target-dependency-import-check error)
