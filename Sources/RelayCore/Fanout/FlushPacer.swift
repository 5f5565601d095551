/// How long an event loop gathers frames before it writes them to its subscribers.
///
/// The kernel's price per write is nearly the whole cost of a fan-out, so the interval between flushes is the lever. The
/// pacer widens it while the loop's busy share is over the target and narrows it while there is room: fast up
/// (proportionally to the excess, each observation), slowly down, so a loop near its target does not swing.
package struct FlushPacer: Sendable {
    /// How the interval is chosen; configuration key `flush.interval`.
    package enum Mode: Sendable, Hashable {
        /// By the loop's load, between 0 and the stream's budget.
        case adaptive
        /// Always this long; 0 = every frame at once.
        case fixed(Duration)
    }

    /// The smallest interval that gathers anything: about half the distance of frames at 73 frames/s (30 fps and AAC).
    package static let smallestInterval = Duration.milliseconds(6)
    /// The share of the target under which the interval narrows.
    package static let comfort = 0.75
    /// Factor by which the interval narrows per observation.
    package static let narrowing = 0.85

    private let mode: Mode
    private let target: Double
    private let ceiling: Duration

    /// The interval in force on the loop; a stream with a smaller latency budget uses its budget.
    package private(set) var interval: Duration

    /// - Parameters:
    ///   - target: The busy share aimed at, 0...1.
    ///   - ceiling: The widest interval, the largest latency budget on this node.
    package init(mode: Mode, target: Double, ceiling: Duration) {
        self.mode = mode
        self.target = target
        self.ceiling = ceiling
        switch mode {
        case .adaptive: interval = .zero
        case .fixed(let fixed): interval = fixed
        }
    }

    /// Takes in the loop's busy share (0...1) since the last observation; called a few times a second.
    package mutating func observe(busy: Double) {
        guard mode == .adaptive, busy.isFinite else { return }
        if busy > target {
            let factor = min(2, max(1.1, busy / target))
            interval = min(ceiling, max(Self.smallestInterval, interval * factor))
        } else if busy < target * Self.comfort {
            interval = interval * Self.narrowing
            if interval < Self.smallestInterval { interval = .zero }
        }
    }
}
