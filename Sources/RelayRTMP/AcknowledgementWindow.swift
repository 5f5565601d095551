import RelayCore

/// Counts what was received and says when the peer is owed an acknowledgement. RTMP 1.0 sections 5.4.3 and 5.4.4.
///
/// One is sent each half window, since encoders that wait for it stop when it comes late. Peers that never announce a
/// window expect acknowledgements nevertheless, hence a default.
package struct AcknowledgementWindow: Sendable {
    /// What SRS assumes of encoders that announce nothing, bytes.
    package static let defaultSize: UInt32 = 2_500_000
    /// Where the count starts over: encoders in the field break at the wrap to 0, so SRS, LAL and nginx-rtmp restart here.
    package static let restart: UInt32 = 0xF000_0000

    /// The peer's window; 0 in an announcement means none.
    private var size = AcknowledgementWindow.defaultSize
    private var sequence: UInt32 = 0
    private var unacknowledged: UInt32 = 0

    /// A window of the default size, from the connection's first byte.
    package init() {}

    package mutating func announce(_ size: UInt32) { self.size = size == 0 ? Self.defaultSize : size }

    /// Adds bytes that were read.
    package mutating func received(_ count: Int) {
        let (sum, overflow) = unacknowledged.addingReportingOverflow(UInt32(clamping: count))
        unacknowledged = overflow ? .max : sum
    }

    /// The acknowledgement that is due now, if one is; it counts as sent.
    package mutating func due() -> Acknowledgement? {
        guard unacknowledged > 0, unacknowledged >= size / 2 else { return nil }
        let (sum, overflow) = sequence.addingReportingOverflow(unacknowledged)
        sequence = overflow || sum > Self.restart ? unacknowledged : sum
        unacknowledged = 0
        return Acknowledgement(sequence: sequence)
    }
}
