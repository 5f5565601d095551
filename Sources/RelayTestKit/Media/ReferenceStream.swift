/// A healthy stream with five viewers that runs beside whatever a test does to the server, and tells whether any of them noticed.
package final class ReferenceStream: Sendable {
    /// The name under `live/`.
    package let name: String
    package let publisher: SyntheticPublisher
    package let viewers: [RecordedPlayer]

    /// A moment to compare with.
    package struct Mark: Sendable {
        fileprivate var counts: [Int]
        fileprivate var lost: [UInt64]
        fileprivate var backwards: [Int]
    }

    /// What happened to the viewers since a mark.
    package struct Harm: Sendable, Equatable {
        /// Frames that did not come.
        package var lost: UInt64 = 0
        /// Frames out of order or of time.
        package var disordered = 0
        /// Viewers that are gone.
        package var gone = 0
        /// Delays of all frames of all viewers.
        package var delays: [Duration] = []
    }

    private init(name: String, publisher: SyntheticPublisher, viewers: [RecordedPlayer]) {
        self.name = name
        self.publisher = publisher
        self.viewers = viewers
    }

    /// Starts the publisher and five viewers over all transports, and waits until each of them has frames.
    ///
    /// - Throws: what the clients throw, ``NotInTime``.
    package static func start(_ name: String = "reference", on relay: RelayProcess) async throws -> ReferenceStream {
        let publisher = try await SyntheticPublisher.start(name, on: relay)
        var viewers: [RecordedPlayer] = []
        for way in [RecordedPlayer.Way.rtmp, .http, .ws, .rtmp, .http] {
            viewers.append(try await .start(name, on: relay, way))
        }
        let stream = ReferenceStream(name: name, publisher: publisher, viewers: viewers)
        try await stream.settle()
        return stream
    }

    /// Waits until every viewer has a frame that was sent after now.
    ///
    /// - Throws: ``NotInTime`` when one of them stands still.
    package func settle(within limit: Duration = .seconds(10)) async throws {
        let number = publisher.nextNumber
        for viewer in viewers { try await viewer.reaches(number, within: limit) }
    }

    package func mark() -> Mark {
        Mark(
            counts: viewers.map(\.record.count), lost: viewers.map(\.record.lost),
            backwards: viewers.map(\.record.backwards))
    }

    package func harm(since mark: Mark) -> Harm {
        var harm = Harm()
        for (index, viewer) in viewers.enumerated() {
            harm.lost += viewer.record.lost - mark.lost[index]
            harm.disordered += viewer.record.backwards - mark.backwards[index]
            harm.gone += viewer.record.isClosed ? 1 : 0
            harm.delays += viewer.record.delays(from: mark.counts[index])
        }
        return harm
    }

    package func stop() async {
        for viewer in viewers { await viewer.close() }
        await publisher.finish()
    }
}
