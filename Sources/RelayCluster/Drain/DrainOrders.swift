package import RelayCore

/// Which of the orders that a node hears it follows. Operators' orders always count; the autoscaler's count unless a later
/// leader has spoken (``ScalingLimits/fence``) or an operator's drain stands. The node's cluster service runs it.
///
///     serving → draining   by an order to drain
///     draining → draining  by another order to drain: its deadline and its author count from then on
///                          (the autoscaler's drain of an origin is a cordon, and has no deadline)
///     draining → serving   by an order to undrain from who may give it: an operator, or the autoscaler for its own drain
///     any → ending         the process goes down; nothing counts any more
package struct DrainOrders: Sendable {
    private enum State: Sendable {
        case serving
        case draining(DrainOrigin)
        case ending
    }

    /// Longest deadline; far more than any drain, and a number that clocks can hold.
    package static let longestDeadline = Duration.seconds(366 * 86_400)

    private let role: NodeRole
    private var state = State.serving
    /// The wish that was heard last: it is read again with each renewal.
    private var heard: String?
    /// Whether this process has read before.
    private var hasRead = false
    private var highest: (epoch: UInt64, at: MonotonicTime)?

    package enum Action: Hashable, Sendable {
        case nothing
        /// It was meant for the process before this one: not followed, to be taken out of the registry.
        case forget
        /// Drain, or go on draining with this deadline.
        case drain(Duration)
        /// Take no new work; publishers and viewers stay until they leave by themselves.
        case cordon
        case undrain
        /// Heard, and not followed.
        case refuse(Refusal)
    }

    package enum Refusal: String, Hashable, Sendable {
        /// A later leader of the autoscalers has given orders.
        case staleEpoch = "a later leader of the autoscalers has given orders"
        case operatorsDrain = "an operator's drain stands"
        case ending = "the node is going down"
    }

    /// - Parameter role: The node's. Publishers are never cut for the sake of scale-in, so that an origin is only cordoned by the
    ///   autoscaler, whatever deadline the order has.
    package init(role: NodeRole = .edge) { self.role = role }

    /// The order that the node follows; nil while it serves or goes down.
    package var following: DrainOrigin? {
        if case .draining(let origin) = state { return origin }
        return nil
    }

    /// What a renewal at the registry brought. A wish that stands there when the process hears from it for the first time counts as
    /// meant for the process before. It does not matter what became of the lease: an answer that came too late to hold it was the
    /// first one all the same. (A wish given after a first renewal whose answer was lost is forgotten, too: whoever gave it sees
    /// that the node does not drain, and the autoscaler orders again.)
    package mutating func read(_ wish: NodeWish?, now: MonotonicTime) -> Action {
        guard !hasRead else { return hear(wish, now: now) }
        hasRead = true
        guard let wish else { return .nothing }
        heard = wish.id
        // Whoever leads now is not older than whoever gave it.
        if wish.isAutoscalers { _ = note(wish.epoch ?? 0, now: now) }
        return .forget
    }

    /// A wish was read.
    package mutating func hear(_ wish: NodeWish?, now: MonotonicTime) -> Action {
        guard let wish, wish.id != heard else { return .nothing }
        heard = wish.id
        if case .ending = state { return .refuse(.ending) }
        if wish.isAutoscalers {
            guard note(wish.epoch ?? 0, now: now) else { return .refuse(.staleEpoch) }
            if let following, !following.isAutoscalers { return .refuse(.operatorsDrain) }
        }
        guard let milliseconds = wish.drainMilliseconds else {
            guard case .draining = state else { return .nothing }
            state = .serving
            return .undrain
        }
        state = .draining(DrainOrigin(wish: wish.id, author: wish.author, epoch: wish.epoch))
        if wish.isAutoscalers, role == .origin { return .cordon }
        return .drain(min(.milliseconds(max(0, milliseconds)), Self.longestDeadline))
    }

    /// The process goes down: nothing takes that back.
    package mutating func end() { state = .ending }

    private mutating func note(_ epoch: UInt64, now: MonotonicTime) -> Bool {
        if let highest, epoch < highest.epoch, now < highest.at + ScalingLimits.fence { return false }
        highest = (epoch, now)
        return true
    }
}

extension NodeWish {
    package var isAutoscalers: Bool { author == Self.autoscaler }

    /// Whether it may take the place of a wish that stands in the registry: an operator's order always may; the autoscaler's may
    /// neither hide an operator's drain, which the node may not have read yet, nor a later leader's order.
    ///
    /// - Parameter age: of the wish that stands.
    package func mayReplace(_ other: NodeWish, age: Duration) -> Bool {
        guard isAutoscalers else { return true }
        guard other.isAutoscalers else { return other.drainMilliseconds == nil }
        return other.epoch ?? 0 <= epoch ?? 0 || age >= ScalingLimits.fence
    }
}
