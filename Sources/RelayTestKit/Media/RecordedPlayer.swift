package import RelayClient
package import RelayCore

/// A player of one stream and what it was given.
package struct RecordedPlayer: Sendable {
    /// How to play.
    package enum Way: String, Sendable, CaseIterable {
        case rtmp, http, ws
    }

    package let player: StreamPlayer
    package let record: FrameRecorder
    package let way: Way

    /// Starts to play `live/NAME` and returns once the connection stands.
    ///
    /// - Parameter query: with its question mark.
    /// - Throws: ``ClientError``.
    package static func start(
        _ name: String, on relay: RelayProcess, _ way: Way, query: String = "", options: StreamPlayer.Options = .init()
    ) async throws -> RecordedPlayer {
        let url =
            switch way {
            case .rtmp: "rtmp://127.0.0.1:\(relay.rtmpPort)/live/\(name)\(query)"
            case .http, .ws: "\(way.rawValue)://127.0.0.1:\(relay.httpPort)/live/\(name).flv\(query)"
            }
        let record = FrameRecorder()
        let player = try await StreamPlayer.connect(to: PlayTarget(url), options: options) { record.note($0) }
        return RecordedPlayer(player: player, record: record, way: way)
    }

    /// Waits until it has a frame of a kind with this number or a later one.
    ///
    /// - Throws: ``NotInTime``.
    package func reaches(_ number: UInt64, _ kind: MediaKind = .video, within limit: Duration = .seconds(10))
        async throws
    {
        try await eventually(
            "\(way) viewer has \(kind) frame \(number), is at \(String(describing: record.newest(kind)))", within: limit
        ) {
            record.newest(kind).map { $0 >= number } ?? false
        }
    }

    package func close() async { await player.close() }
}
