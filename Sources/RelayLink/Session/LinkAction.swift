package import RelayCore

/// What a ``LinkSession`` asks its interpreter to do, in the order in which it happened on the wire.
package enum LinkAction: Sendable {
    /// Both sides have proven themselves; subscriptions may flow. Comes first, and once.
    case established(LinkPeer)

    // MARK: To a parent
    /// The peer asks for a stream; answer with `accept` or `refuse`. Loops, hop limit and the number of subscriptions were
    /// checked already.
    case subscribe(LinkSubscribe)
    /// The peer does not want it any more; its queue is gone already.
    case unsubscribe(UInt64)
    /// The peer asks about a stream; answer with `answer`.
    case query(UInt64, StreamName)

    // MARK: To a subscriber
    /// The answer to a query.
    case answered(UInt64, LinkStreamState)
    /// The parent serves the subscription; or, later, goes on in another incarnation or with other headers.
    case accepted(UInt64, LinkAccept)
    /// The parent does not serve it; the subscription is over. `redirect` is the node that would.
    case refused(UInt64, LinkRefusal, redirect: NodeID?)
    /// Frames of one subscription, ids strictly increasing: those that came together in one read.
    case frames(UInt64, [Frame])
    /// The parent left out the frames with these ids; none of them will come.
    case skipped(UInt64, from: UInt64, count: UInt64)
    /// No frame follows any more; the subscription is over.
    case ended(UInt64, LinkEnd, lastFrameID: UInt64)

    // MARK: About the link
    /// The peer goes down at this deadline: subscribe elsewhere.
    case goAway(deadlineMilliseconds: UInt32)
    /// Nothing was heard of the peer for `suspectAfter`.
    case suspect
    /// The peer is heard again after `suspect`.
    case recovered
    /// Write what `takeOutput` still gives, then close the connection. Nothing follows. Every subscription is over.
    case close(LinkError)
}
