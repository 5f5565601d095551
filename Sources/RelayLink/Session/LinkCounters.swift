/// What a session tolerated, ignored or refused on its own.
package struct LinkCounters: Sendable, Hashable {
    /// Frames and skips of subscriptions that do not exist, or were not accepted yet; some are normal after an unsubscribe.
    package var unknownSubscription: UInt64 = 0
    /// Frames and skips whose ids go back, stand still, or jump by more than a stream can.
    package var outOfOrder: UInt64 = 0
    /// Accepts, refusals, ends, answers and pongs that answer nothing we asked.
    package var unasked: UInt64 = 0
    /// Messages of types that this version does not know, and frames of such kinds of media.
    package var unknownTypes: UInt64 = 0
    /// Subscriptions refused without asking the interpreter: loops, limits, names that are not allowed.
    package var refused: UInt64 = 0
    /// Subscriptions under an id that is in use, and requests about ids that are not.
    package var badRequests: UInt64 = 0
    /// Times that the peer sent more requests in a second than it may.
    package var throttles: UInt64 = 0
    /// Frames that the interpreter gave to subscriptions that do not exist or were not accepted, or with ids that go back.
    package var unsendable: UInt64 = 0

    package init() {}
}
