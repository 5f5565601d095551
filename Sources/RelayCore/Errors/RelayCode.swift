/// A stable code for one kind of refusal or failure: the same in the answer to the peer, the log, the metric label and
/// `relayctl explain`. A code is never reused for another meaning.
///
/// Ranges: 1xxx names and requests, 2xxx RTMP, 3xxx HTTP and WebSocket, 4xxx streams, 5xxx capacity, 6xxx operation, 7xxx
/// link, cluster and autoscaler.
package struct RelayCode: Hashable, Sendable, CustomStringConvertible {
    /// The number, e.g. 2001.
    package let number: Int
    /// One sentence: what is wrong.
    package let message: String
    /// What the reader can do next.
    package let hint: String

    /// `RLY-2001`.
    package var description: String { "RLY-\(number)" }

    package static func == (lhs: Self, rhs: Self) -> Bool { lhs.number == rhs.number }
    package func hash(into hasher: inout Hasher) { hasher.combine(number) }

    init(_ number: Int, _ message: String, hint: String) {
        self.number = number
        self.message = message
        self.hint = hint
    }
}
