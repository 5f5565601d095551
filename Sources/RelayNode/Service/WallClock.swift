import FoundationEssentials

/// The wall clock: for what people and other nodes are told, never for deadlines.
enum WallClock {
    /// ms since 1970.
    static var milliseconds: Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }
}
