#!/usr/bin/env bash
# Installs the foreign clients that Tests/Interop plays against the relay: 140 MB on disk, about 15 s on a fast line, and
# nothing when they are there. A client that cannot be installed is skipped by the tests, which then say why.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../Cluster/dev/common.sh"

install_packages required \
    'redis-server cmd:redis-server the registry of a cluster' \
    'redis-sentinel cmd:redis-sentinel follows a registry that fails over' \
    'python3 cmd:python3 runs the soundness rules and the client matrix' \
    'ffmpeg cmd:ffmpeg makes the test media, publishes, plays, decodes'
install_packages optional \
    'gstreamer1.0-tools cmd:gst-launch-1.0 GStreamer: gst-launch-1.0' \
    'gstreamer1.0-plugins-base pkg:gstreamer1.0-plugins-base GStreamer: parsers of AAC and containers' \
    'gstreamer1.0-plugins-good pkg:gstreamer1.0-plugins-good GStreamer: flvmux, flvdemux, souphttpsrc' \
    'gstreamer1.0-plugins-bad pkg:gstreamer1.0-plugins-bad GStreamer: rtmp2sink, rtmp2src, rtmpsink, rtmpsrc' \
    'rtmpdump cmd:rtmpdump librtmp as a player' \
    'mpv cmd:mpv mpv as a player' \
    'vlc-bin cmd:cvlc VLC as a player, without windows' \
    'vlc-plugin-base pkg:vlc-plugin-base VLC: network and FLV input'
