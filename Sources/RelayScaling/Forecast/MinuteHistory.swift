/// The logarithm of demand at each whole minute, the newest 14 days of it.
///
/// Minutes are counted from 1970 in UTC. Values between two observations lie on the line between them, so the spacing of
/// ticks does not matter. 4 bytes a minute: 80 kB when it is full.
struct MinuteHistory: Hashable, Sendable {
    /// A week for last week's growth, and as much again so that an outage of days does not empty it.
    static let days = 14
    static let minutesPerDay = 1_440
    private static let maximum = days * minutesPerDay

    /// The minute of the oldest value.
    private(set) var start = 0
    private var values = PackedFloats()

    init() {}

    var count: Int { values.count }
    /// The newest minute; `start - 1` when there is none.
    var end: Int { start &+ values.count &- 1 }

    /// The value at a minute; nil outside of what is known.
    subscript(minute: Int) -> Double? {
        let index = minute &- start
        return values[index].map(Double.init)
    }

    /// Adds the value of the next minute; the first one sets where the history starts.
    mutating func append(_ value: Double, minute: Int) {
        if values.count == 0 { start = minute }
        values.append(Float(value), most: Self.maximum + Self.minutesPerDay)
        // A day at a time: dropping each minute would move all the others each minute.
        guard values.count >= Self.maximum + Self.minutesPerDay else { return }
        values.removeFirst(Self.minutesPerDay)
        start &+= Self.minutesPerDay
    }

    /// Forgets `minute` and all later ones: the wall clock went back.
    mutating func truncate(from minute: Int) {
        let kept = min(max(0, minute &- start), values.count)
        values.removeLast(values.count - kept)
    }

    private enum CodingKeys: String, CodingKey { case start, values }
}

extension MinuteHistory: Codable {
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(start, forKey: .start)
        try container.encode(values, forKey: .values)
    }

    /// - Throws: when it was not written by ``encode(to:)``: minutes of a clock that is not broken fit in 40 bits.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        start = try container.decode(Int.self, forKey: .start)
        values = try container.decode(PackedFloats.self, forKey: .values)
        guard abs(Double(start)) < 0x1p40, values.count < Self.maximum + Self.minutesPerDay else {
            throw DecodingError.dataCorruptedError(
                forKey: .start, in: container, debugDescription: "not a history of demand")
        }
    }
}
