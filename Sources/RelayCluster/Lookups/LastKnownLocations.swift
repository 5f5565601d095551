package import RelayCore

/// What the registry last said of streams, for the time when it is away, and the highest epoch of each, so that an older one
/// is not followed after a pull ended. One per node.
package struct LastKnownLocations: Sendable {
    /// Streams whose lookup is kept; the one looked up least lately goes.
    package static let maximumLookups = 10_000
    /// Streams whose highest epoch is kept.
    package static let maximumEpochs = 100_000
    /// How long an epoch is remembered: as long as the registry does.
    package static let epochMemory = Duration.seconds(24 * 3_600)

    private struct Known: Sendable {
        var lookup: StreamLookup
        var at: MonotonicTime
    }

    private struct Epoch: Sendable {
        var epoch: UInt64
        var until: MonotonicTime
    }

    private var lookups: BoundedTable<StreamName, Known>
    private var epochs: BoundedTable<StreamName, Epoch>

    package init(
        maximumLookups: Int = LastKnownLocations.maximumLookups, maximumEpochs: Int = LastKnownLocations.maximumEpochs
    ) {
        lookups = BoundedTable(limit: maximumLookups)
        epochs = BoundedTable(limit: maximumEpochs)
    }

    /// Streams whose lookup is kept.
    package var count: Int { lookups.count }

    /// The registry answered. An answer without a location, or older than what was seen, replaces nothing.
    package mutating func note(_ lookup: StreamLookup, of stream: StreamName, now: MonotonicTime) {
        guard let location = lookup.location else { return }
        guard location.epoch >= highestEpoch(of: stream, now: now) else { return }
        lookups.set(stream, Known(lookup: lookup, at: now))
        note(epoch: location.epoch, of: stream, now: now)
    }

    /// An epoch was accepted from a parent, or granted here. Not for news: a claim may be heard of and then lost with a registry.
    package mutating func note(epoch: UInt64, of stream: StreamName, now: MonotonicTime) {
        guard epoch > 0, epoch >= highestEpoch(of: stream, now: now) else { return }
        epochs.set(stream, Epoch(epoch: epoch, until: now + Self.epochMemory))
    }

    /// The stream was withdrawn: it is not to be looked for where it was. Its epoch stays known.
    package mutating func forget(_ stream: StreamName) { lookups.remove(stream) }

    /// What was known, and for how long it has been so; nil when nothing is.
    package func last(of stream: StreamName, now: MonotonicTime) -> (lookup: StreamLookup, age: Duration)? {
        lookups[stream].map { ($0.lookup, now - $0.at) }
    }

    /// 0 when none is remembered.
    package func highestEpoch(of stream: StreamName, now: MonotonicTime) -> UInt64 {
        guard let known = epochs[stream], now < known.until else { return 0 }
        return known.epoch
    }
}
