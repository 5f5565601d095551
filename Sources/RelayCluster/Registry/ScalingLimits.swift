/// Bounds of what a ``ScalingStore`` keeps, the same whatever it is made of.
package enum ScalingLimits {
    /// Longest state of a tier, bytes: two weeks of demand by the minute are below a third of it, and a value of Redis that is
    /// longer than 1 MiB ends the connection.
    package static let longestState = 1_000_000
    /// Longest decision, bytes: one that drains and marks a tenth of 5,000 nodes.
    package static let longestDecision = 131_072
    /// Longest announced event and its name, bytes.
    package static let longestEvent = 4_096
    package static let longestName = 128
    /// Longest value of what operators have set, bytes.
    package static let longestControl = 64
    /// Events kept.
    package static let maximumEvents = 1_000
    /// Decisions of a tier's history, and how far back it reaches.
    package static let maximumDecisions = 20_000
    package static let history = Duration.seconds(24 * 3_600)
    /// How long an epoch stands against lower ones after it was last written. A leader that lost its lease stops within seconds;
    /// a way of electing that counts from another number, or a registry that came back empty, must not stand in the way for good.
    package static let fence = Duration.seconds(600)
    /// Highest epoch: above, numbers are not exact in the scripts of Redis.
    package static let highestEpoch: UInt64 = (1 << 53) - 1

    /// Whether a text may be a JSON object of that length. Whether it is one is for its reader to find out.
    package static func isDocument(_ text: String, longest: Int) -> Bool {
        let bytes = text.utf8
        return bytes.count <= longest && bytes.first == UInt8(ascii: "{") && bytes.last == UInt8(ascii: "}")
    }

    /// Refuses what must not be stored.
    ///
    /// - Parameter what: The document in words, for the message.
    /// - Throws: `.refused`.
    package static func check(_ text: String, longest: Int, _ what: String) throws(RegistryError) {
        guard text.utf8.count <= longest else {
            throw .refused("\(what) has \(text.utf8.count) bytes; \(longest) are the most that is kept")
        }
        guard isDocument(text, longest: longest) else { throw .refused("\(what) is not a JSON object") }
    }

    /// Refuses an epoch that is too high, or a document that ``check(_:longest:_:)`` refuses.
    package static func check(_ document: ScalingDocument, longest: Int, _ what: String) throws(RegistryError) {
        guard document.epoch <= highestEpoch else { throw .refused("epoch \(document.epoch) of \(what) is too high") }
        try check(document.json, longest: longest, what)
    }

    /// Refuses what operators must not set.
    package static func check(control value: String, named name: String) throws(RegistryError) {
        try check(name: name, "a control")
        guard (1...longestControl).contains(value.utf8.count) else {
            throw .refused("the control \(name) has 1 to \(longestControl) bytes")
        }
    }

    /// Refuses names of events, groups and holders that are empty or too long.
    package static func check(name: String, _ what: String) throws(RegistryError) {
        guard (1...longestName).contains(name.utf8.count) else {
            throw .refused("\(what) is a name of 1 to \(longestName) bytes")
        }
    }
}

extension RegistryError {
    /// Another announced event would be one too many.
    package static var tooManyEvents: RegistryError {
        .refused("\(ScalingLimits.maximumEvents) announced events are kept; remove one first")
    }
}
