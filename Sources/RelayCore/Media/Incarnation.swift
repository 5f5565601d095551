/// Which life of a stream a frame belongs to. Higher epochs replace lower ones at every edge; frame ids count from 0 in each
/// incarnation.
package struct Incarnation: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    /// Grows with every change of owner; never goes back for anyone who has seen a higher one.
    package var epoch: UInt64
    /// Tells lives within one epoch apart (an origin that ended a stream and began it again); random.
    package var id: UInt64

    package init(epoch: UInt64, id: UInt64) {
        self.epoch = epoch
        self.id = id
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.epoch < rhs.epoch }
    package var description: String { "\(epoch).\(String(id, radix: 16))" }
}
