#!/usr/bin/env bash
# Builds and starts `relay standalone` with an ffmpeg test publisher and says what to open; Ctrl-C, SIGTERM or the end
# of either ends both. Words given are passed to the relay. Used by `make run`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# option NAME DEFAULT WORDS...: the value of `--NAME X` or `--NAME=X` among the words, else the default.
option() {
    local name=$1 value=$2
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
        "$name") value=${2-} ;;
        "$name="*) value=${1#*=} ;;
        esac
        shift
    done
    printf '%s' "$value"
}
rtmp=$(option --rtmp-port 1935 "$@")
http=$(option --http-port 8080 "$@")
admin=$(option --admin-port 9090 "$@")

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
ports_free() {
    local entry port owner
    for entry in "rtmp $rtmp" "http $http" "admin $admin"; do
        port=${entry#* }
        port_open "$port" || continue
        owner=$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -nE 's/.*users:\(\("([^"]+)",pid=([0-9]+).*/ by \1 (process \2)/p' | head -n 1) || true
        fail "port $port is in use$owner; end that program, or choose another: make run ARGS=\"--${entry% *}-port $((port + 1))\""
    done
}
# http_ok PATH: does the admin API answer 200? Without curl, which may not be there.
http_ok() {
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$admin" || return 1
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
    read -r -t 2 line <&3 || line=
    exec 3>&-
    [[ $line == "HTTP/1.1 200"* ]]
}

need_swift
ports_free
install_build_packages
font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf
install_packages required 'ffmpeg cmd:ffmpeg publishes the test picture'
install_packages optional "fonts-dejavu-core file:$font draws a clock into the test picture"

step build-relay 2400 swift build "${BUILD_FLAGS[@]}" --product relay
step build-relayctl 2400 swift build "${BUILD_FLAGS[@]}" --product relayctl
ports_free

relay_pid= publisher_pid=
# Ends a child that we started: SIGTERM, and SIGKILL when it does not listen.
end_child() {
    [ -n "$1" ] && kill -TERM "$1" 2>/dev/null || return 0
    for _ in $(seq 150); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done
    kill -KILL "$1" 2>/dev/null || true
}
end_all() {
    trap - EXIT
    trap '' INT TERM
    end_child "$publisher_pid"
    end_child "$relay_pid"
    wait 2>/dev/null || true
}
trap 'end_all; say ""; say "ended"; exit 0' INT TERM
trap end_all EXIT

relay_log=$LOGS/relay.log publisher_log=$LOGS/publisher.log
.build/release/relay standalone "$@" >"$relay_log" 2>&1 </dev/null &
relay_pid=$!
for _ in $(seq 100); do
    http_ok /readyz 2>/dev/null && break
    kill -0 "$relay_pid" 2>/dev/null || { tail -n 20 "$relay_log" >&2; fail "the relay ended before it was ready (log: .build/logs/relay.log)"; }
    sleep 0.1
done
http_ok /readyz 2>/dev/null || { tail -n 20 "$relay_log" >&2; fail "the relay was not ready within 10 s (log: .build/logs/relay.log)"; }

picture='testsrc2=size=1280x720:rate=30'
clock=
if [ -e "$font" ] && ffmpeg -hide_banner -v quiet -h filter=drawtext 2>/dev/null | grep -q fontfile; then
    clock="drawtext=fontfile=$font:text='%{localtime\\:%H\\\\\\:%M\\\\\\:%S} %{pts}':fontsize=54:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=12:x=(w-tw)/2:y=h-140,"
fi
# -g 60: a keyframe every two seconds; no B-frames and no look-ahead, as a live encoder would be set.
ffmpeg -hide_banner -nostdin -loglevel warning -re -f lavfi -i "$picture" -re -f lavfi -i 'sine=frequency=440:beep_factor=4:sample_rate=48000' \
    -vf "${clock}format=yuv420p" -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -b:v 2500k -maxrate 2500k -bufsize 1250k -g 60 \
    -c:a aac -b:a 128k -ac 2 -f flv "rtmp://127.0.0.1:$rtmp/live/test" >"$publisher_log" 2>&1 &
publisher_pid=$!
for _ in $(seq 100); do
    http_ok /v1/streams/live/test 2>/dev/null && break
    kill -0 "$publisher_pid" 2>/dev/null || { tail -n 20 "$publisher_log" >&2; fail "the test publisher ended (log: .build/logs/publisher.log)"; }
    sleep 0.1
done

cat <<EOF

A relay is running, and ffmpeg publishes a test picture to rtmp://127.0.0.1:$rtmp/live/test

Watch it
  ffplay -fflags nobuffer rtmp://127.0.0.1:$rtmp/live/test
  ffplay -fflags nobuffer http://127.0.0.1:$http/live/test.flv
  vlc http://127.0.0.1:$http/live/test.flv          mpv --profile=low-latency http://127.0.0.1:$http/live/test.flv
  in a web page (mpegts.js, flv.js): http://127.0.0.1:$http/live/test.flv or ws://127.0.0.1:$http/live/test.flv
Publish your own
  ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1:$rtmp/live/mine
  OBS: Settings > Stream > Custom, server rtmp://127.0.0.1:$rtmp/live, stream key mine
Look inside
  .build/release/relayctl status$([ "$admin" = 9090 ] || printf ' --admin http://127.0.0.1:%s' "$admin")
  .build/release/relayctl streams --watch
  .build/release/relayctl play rtmp://127.0.0.1:$rtmp/live/test
  curl http://127.0.0.1:$admin/metrics
Logs: .build/logs/relay.log and .build/logs/publisher.log

Ctrl-C ends all of it.
EOF

code=0
wait -n "$relay_pid" "$publisher_pid" || code=$?
if kill -0 "$relay_pid" 2>/dev/null; then
    tail -n 10 "$publisher_log" >&2
    fail "the test publisher ended with status $code (log: .build/logs/publisher.log)"
fi
tail -n 10 "$relay_log" >&2
fail "the relay ended with status $code (log: .build/logs/relay.log)"
