/// What has to precede media for anyone who starts to watch: the newest metadata and the newest sequence header of every
/// track. Kept by the hub and by each event loop's replica of the stream.
package struct StreamHeaders: Sendable {
    /// The newest `onMetaData`, if the publisher sent one.
    package private(set) var metadata: Frame?
    /// The newest sequence header of each (kind, track), video first, in the order the tracks appeared.
    package private(set) var configurations: [Frame] = []

    /// The most tracks remembered: 8 video and 8 audio tracks (Enhanced RTMP senders use up to 6).
    package static let maximumTracks = 16

    package init() {}

    /// True when nothing is known yet.
    package var isEmpty: Bool { metadata == nil && configurations.isEmpty }

    /// All headers in the order in which a player needs them.
    package var inOrder: [Frame] { (metadata.map { [$0] } ?? []) + configurations }

    /// The newest sequence header of a kind's default track.
    package func configuration(of kind: MediaKind) -> Frame? {
        configurations.first { $0.kind == kind && $0.trackID == 0 } ?? configurations.first { $0.kind == kind }
    }

    /// Takes in a frame; only sequence headers and metadata leave a trace. Called for every frame of the stream.
    package mutating func note(_ frame: Frame) {
        guard frame.flags.contains(.config) else { return }
        if frame.kind == .data {
            metadata = frame
            return
        }
        if let index = configurations.firstIndex(where: { $0.kind == frame.kind && $0.trackID == frame.trackID }) {
            configurations[index] = frame
        } else if configurations.count < Self.maximumTracks {
            if frame.kind == .video, let index = configurations.firstIndex(where: { $0.kind != .video }) {
                configurations.insert(frame, at: index)
            } else {
                configurations.append(frame)
            }
        }
    }

    /// A new publisher starts from nothing: its own headers will come.
    package mutating func clear() {
        metadata = nil
        configurations = []
    }
}
