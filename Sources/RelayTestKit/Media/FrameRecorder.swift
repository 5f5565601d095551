import NIOCore
package import RelayClient
package import RelayCore
import Synchronization

/// Writes down what a player of ``SyntheticMedia`` is given: frames, gaps, delays and ends. Safe from any thread.
package final class FrameRecorder: Sendable {
    /// One message as it came.
    package struct Entry: Sendable {
        package var kind: MediaKind
        package var timestamp: UInt32
        /// nil for sequence headers, metadata and media that is not ours.
        package var stamp: SyntheticMedia.Stamp?
        package var receivedAt: MonotonicTime
        /// The first bytes of the payload.
        package var head: [UInt8]

        package var isSequenceHeader: Bool {
            kind != .data && head.count > 1 && head[1] == 0
                && (kind == .video ? head[0] & 0xF == 7 : head[0] >> 4 == 10)
        }
        /// From the making of the frame to its arrival.
        package var delay: Duration? { stamp.map { .nanoseconds(receivedAt.nanoseconds - $0.madeAt) } }
    }

    private struct State {
        var entries: [Entry] = []
        var last: [MediaKind: UInt64] = [:]
        var lost: UInt64 = 0
        var backwards = 0
        var lastTimestamp: [MediaKind: UInt32] = [:]
        var isReady = false
        var hasEnded = false
        var closed: ClientError??
    }

    private let state = Mutex(State())

    package init() {}

    /// What a player's `onEvent` is to call.
    package func note(_ event: PlayerEvent) {
        state.withLock { state in
            switch event {
            case .ready: state.isReady = true
            case .ended: state.hasEnded = true
            case .closed(let error): state.closed = .some(error)
            case .reconnectRequested: break
            case .media(let media): Self.note(media, &state)
            }
        }
    }

    private static func note(_ media: ReceivedMedia, _ state: inout State) {
        let stamp = SyntheticMedia.read(media.kind, media.payload)
        state.entries.append(
            Entry(
                kind: media.kind, timestamp: media.timestamp, stamp: stamp, receivedAt: media.receivedAt,
                head: Array(media.payload.readableBytesView.prefix(8))))
        guard let stamp else { return }
        if let last = state.last[media.kind], stamp.number > last + 1 { state.lost += stamp.number - last - 1 }
        if let last = state.last[media.kind], stamp.number <= last { state.backwards += 1 }
        // Strictly increasing modulo 2^32.
        if let last = state.lastTimestamp[media.kind], Int32(bitPattern: media.timestamp &- last) <= 0 {
            state.backwards += 1
        }
        state.last[media.kind] = stamp.number
        state.lastTimestamp[media.kind] = media.timestamp
    }

    /// The server accepted the play.
    package var isReady: Bool { state.withLock { $0.isReady } }
    /// The server said that the stream is over.
    package var hasEnded: Bool { state.withLock { $0.hasEnded } }
    /// The connection is gone.
    package var isClosed: Bool { state.withLock { $0.closed != nil } }
    /// Why it is gone; nil while it is not, and after an orderly end.
    package var failure: ClientError? { state.withLock { $0.closed ?? nil } }
    /// Everything that came, in order.
    package var entries: [Entry] { state.withLock { $0.entries } }
    package var count: Int { state.withLock { $0.entries.count } }
    /// Frames of ours missing between the first and the last of their kind.
    package var lost: UInt64 { state.withLock { $0.lost } }
    /// Frames of ours whose number or timestamp did not go up.
    package var backwards: Int { state.withLock { $0.backwards } }
    /// The number of the newest frame of a kind.
    package func newest(_ kind: MediaKind) -> UInt64? { state.withLock { $0.last[kind] } }

    /// Numbers of a kind's frames, in order.
    package func numbers(_ kind: MediaKind) -> [UInt64] {
        state.withLock { $0.entries.compactMap { $0.kind == kind ? $0.stamp?.number : nil } }
    }

    /// Delays of the frames from an index of ``entries`` on.
    package func delays(from index: Int) -> [Duration] {
        state.withLock { $0.entries.dropFirst(index).compactMap(\.delay) }
    }
}

extension [Duration] {
    /// The value below which a share of them lies; zero when there are none.
    package func percentile(_ share: Double) -> Duration {
        let sorted = sorted()
        return sorted.isEmpty ? .zero : sorted[Swift.min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}
