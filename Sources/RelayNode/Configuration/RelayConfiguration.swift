package import Logging

/// Everything an operator can set on a node. `RelayConfiguration()` is a working set of defaults; `load` fills it from
/// the file, the environment and the flags. The key of a property is its path here: `configuration.rtmp.port` is
/// `rtmp.port` in the file, `RELAY_RTMP_PORT` in the environment and `--rtmp-port` on the command line.
///
/// Bounds are not repeated here: ``ConfigurationKey/all`` holds them, and is what checks a value.
package struct RelayConfiguration: Sendable, Equatable {
    package var node = Node()
    package var rtmp = RTMP()
    package var http = HTTP()
    package var admin = Admin()
    package var log = Log()
    package var flush = Flush()
    package var publish = Publish()
    package var gop = GOP()
    package var viewer = Viewer()
    package var limits = Limits()
    package var shutdown = Shutdown()
    package var cluster = Cluster()
    package var link = Link()
    package var edge = Edge()
    package var drain = Drain()
    package var probe = Probe()
    package var autoscaler = Autoscaler()

    package init() {}

    /// The node as a whole.
    package struct Node: Sendable, Equatable {
        package init() {}

        /// What the node calls itself in the API, logs and metrics. Empty = the machine's host name; `load` fills it in.
        package var name = ""
        /// Event loops that carry media. 0 = one for each core the process may use.
        package var threads = 0
        /// The machine below the node, by the platform's name; empty = nobody told. Only reported.
        package var machine = ""
        /// Whether that machine may be taken away at short notice. Only reported.
        package var spot = Spot.unknown
        /// Mbit/s that the node may send for long; 0 = unknown. Reported as bit/s, at most the network device's speed.
        package var egressCapacity = 0

        package enum Spot: String, Sendable, Equatable, CaseIterable {
            case unknown, yes, no
        }
    }

    /// The RTMP listener, for publishers and players.
    package struct RTMP: Sendable, Equatable {
        package init() {}

        /// Address to listen on.
        package var host = "0.0.0.0"
        /// TCP port; 0 = any free one.
        package var port = 1935
        /// Payload bytes per chunk that we announce and send. Large chunks cost less for everyone; some old players
        /// cannot take more than 65536.
        package var chunkSize = 60_000
        /// Bytes after which we ask a peer to acknowledge (Window Acknowledgement Size and Set Peer Bandwidth).
        package var ackWindow = 2_500_000
    }

    /// The HTTP listener for viewers: HTTP-FLV and WS-FLV.
    package struct HTTP: Sendable, Equatable {
        package init() {}

        /// Address to listen on.
        package var host = "0.0.0.0"
        /// TCP port; 0 = any free one.
        package var port = 8080
        /// Origins whose pages may read the answers (`Access-Control-Allow-Origin`); `*` = any.
        package var corsOrigins = ["*"]
    }

    /// The admin API. It has no authentication of its own, so it listens on loopback unless told otherwise.
    package struct Admin: Sendable, Equatable {
        package init() {}

        /// Address to listen on.
        package var host = "127.0.0.1"
        /// TCP port; 0 = any free one.
        package var port = 9090
    }

    /// The log, on standard error.
    package struct Log: Sendable, Equatable {
        package init() {}

        /// Least important level that is written.
        package var level = Logger.Level.info
        /// How a record is written.
        package var format = Format.text

        /// Shape of a log record.
        package enum Format: String, Sendable, Equatable, CaseIterable {
            /// One line to read.
            case text
            /// One JSON object per line.
            case json
        }
    }

    /// When gathered frames are handed to the sockets; see `flush.interval`.
    package struct Flush: Sendable, Equatable {
        package init() {}

        /// Adaptive, or one fixed interval for every stream and loop.
        package var interval = Interval.adaptive
        /// The most that an adaptive interval may delay a frame of a stream; 0 = never wait.
        package var budget = Duration.milliseconds(350)
        /// Busy share of a loop above which the adaptive interval widens, 0...1.
        package var targetBusy = 0.6

        /// The time between two flushes.
        package enum Interval: Sendable, Equatable {
            /// At once while a loop has time, widening up to `flush.budget` as it gets busy.
            case adaptive
            /// Always this long; zero = every frame at once.
            case fixed(Duration)
        }
    }

    /// Who may publish a stream that has, or just had, a publisher.
    package struct Publish: Sendable, Equatable {
        package init() {}

        /// What happens to a second publisher of the same stream.
        package var policy = Policy.reject
        /// How long viewers of a lost publisher are kept for its return. Zero = they are told at once.
        package var grace = Duration.seconds(10)
        /// Silence of a publisher after which a standby takes over.
        package var standbyAfter = Duration.milliseconds(500)

        /// See ``Publish/policy``.
        package enum Policy: String, Sendable, Equatable, CaseIterable {
            /// The newcomer is refused.
            case reject
            /// The newcomer replaces the old one; viewers stay.
            case takeover
        }
    }

    /// Bounds of the GOP cache of each stream. A GOP that exceeds one of them is not cached, and joining viewers wait
    /// for the next keyframe.
    package struct GOP: Sendable, Equatable {
        package init() {}

        /// Media bytes.
        package var maxBytes = 16 << 20
        /// Media time.
        package var maxSeconds = Duration.seconds(30)
        /// Frames.
        package var maxFrames = 4096
    }

    /// What happens to a viewer that does not keep up, in this order.
    package struct Viewer: Sendable, Equatable {
        package init() {}

        /// Lag after which disposable frames are left out.
        package var dropAfter = Duration.seconds(1)
        /// Lag after which the viewer skips to the newest keyframe.
        package var skipAfter = Duration.seconds(3)
        /// Time without any progress after which it is disconnected.
        package var disconnectAfter = Duration.seconds(20)
        /// Bytes it may be behind before it skips, whatever the lag.
        package var maxBacklog = 8 << 20
        /// `TCP_NOTSENT_LOWAT` of viewers' sockets, bytes: how much unsent data the kernel holds before we wait.
        package var notSentLowat = 131_072
    }

    /// How long the node takes to go down.
    package struct Shutdown: Sendable, Equatable {
        package init() {}

        /// Time from the first SIGTERM to the end, whatever is still connected.
        package var deadline = Duration.seconds(10)
    }
}
