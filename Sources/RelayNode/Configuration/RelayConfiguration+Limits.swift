extension RelayConfiguration {
    /// What a peer may cost before it is refused. Every one of them guards against input that is broken or hostile;
    /// ordinary encoders and players stay far below.
    package struct Limits: Sendable, Equatable {
        package init() {}

        // MARK: Connections

        /// Sockets of publishers and viewers together. 0 = what the descriptor limit allows; see
        /// ``effectiveMaxConnections(descriptorLimit:)``.
        package var maxConnections = 0
        /// Subscribers that play. 0 = no bound but the connections.
        package var maxViewers = 0
        /// Streams that are live or wait for their publisher.
        package var maxStreams = 10_000
        /// Connections of one address that neither publish nor play yet.
        package var pendingPerAddress = 20
        /// Connections of all addresses that neither publish nor play yet.
        package var pendingTotal = 4096
        /// Addresses that `pendingPerAddress` does not apply to: load balancers, test machines.
        package var pendingExempt = [AddressBlock.loopbackIPv4, .loopbackIPv6]

        // MARK: Time

        /// From accept to the end of the RTMP handshake.
        package var handshakeTimeout = Duration.seconds(5)
        /// From the end of the handshake to `publish` or `play`.
        package var setupTimeout = Duration.seconds(10)
        /// From `publish` to the first media.
        package var firstMediaTimeout = Duration.seconds(15)
        /// Silence of a publisher after which it counts as lost.
        package var mediaTimeout = Duration.seconds(10)

        // MARK: RTMP messages and chunks

        /// Longest audio message, bytes.
        package var audioMessageBytes = 262_144
        /// Longest video message, bytes.
        package var videoMessageBytes = 8 << 20
        /// Longest command, data or control message, bytes.
        package var commandMessageBytes = 65_536
        /// Chunk streams that a connection may use.
        package var chunkStreams = 64
        /// Bytes of begun, unfinished messages of one connection.
        package var partialBytes = 9 << 20
        /// Smallest chunk size a peer may announce, bytes; smaller ones cost us more work than they carry.
        package var minChunkSize = 128
        /// Chunk headers a connection may make us read in a second.
        package var chunkHeadersPerSecond = 65_536
        /// Command messages of a connection in a second.
        package var commandsPerSecond = 100
        /// RTMP message streams of a connection (`createStream` without `deleteStream`).
        package var messageStreams = 32

        // MARK: AMF

        /// Depth of nested objects and arrays.
        package var amfDepth = 16
        /// Values in one message.
        package var amfNodes = 1024

        // MARK: HTTP and WebSocket

        /// Request line and headers together, bytes.
        package var httpHeaderBytes = 32_768
        /// One header field, bytes.
        package var httpFieldBytes = 8192
        /// Header fields of a request.
        package var httpFields = 64
        /// From accept to the end of the request's headers.
        package var httpRequestTimeout = Duration.seconds(5)
        /// Longest frame a WebSocket viewer may send, bytes; it has nothing to say but pings and close.
        package var webSocketFrameBytes = 4096

        /// The bound on connections that is in force: ``maxConnections``, or for 0 the descriptor limit less 256, so
        /// that files, timers and the admin API never run out of descriptors. Never above what the limit leaves.
        ///
        /// - Parameter descriptorLimit: the process's soft limit (`RLIMIT_NOFILE`).
        package func effectiveMaxConnections(descriptorLimit: Int) -> Int {
            let room = max(1, descriptorLimit - Self.reservedDescriptors)
            return maxConnections == 0 ? room : min(maxConnections, room)
        }

        /// Descriptors kept back for everything that is not a publisher or a viewer.
        package static let reservedDescriptors = 256
    }
}
