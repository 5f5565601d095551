package import RelayCore

/// Streams that the registry did not know a moment ago, so that a crowd asking for one that is not there costs one lookup.
/// One per node; asked before a pull is made, told when a lookup finds nothing.
package struct NegativeCache: Sendable {
    /// Names kept; the oldest goes.
    package static let maximumNames = 10_000

    private let ttl: Duration
    private var jitter: Jitter
    private var table = BoundedTable<StreamName, MonotonicTime>(limit: NegativeCache.maximumNames)

    /// - Parameter ttl: How long an answer is believed, a quarter more or less.
    package init(ttl: Duration = .seconds(2), seed: UInt64) {
        self.ttl = ttl
        jitter = Jitter(seed: seed)
    }

    package var count: Int { table.count }

    /// The registry does not know the stream.
    package mutating func note(_ stream: StreamName, now: MonotonicTime) {
        table.removeOldest { $0 <= now }
        table.set(stream, now + jitter.around(ttl))
    }

    /// The stream came into being: news, or a publisher here.
    package mutating func forget(_ stream: StreamName) { table.remove(stream) }

    /// Whether the stream was unknown a moment ago.
    package func contains(_ stream: StreamName, now: MonotonicTime) -> Bool {
        table[stream].map { now < $0 } ?? false
    }
}
