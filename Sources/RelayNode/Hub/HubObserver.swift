/// What the cluster wants to know of the node's streams. Called on the hub's home loop; must not block.
protocol HubObserver: AnyObject, Sendable {
    func hub(_ hub: StreamHub, did event: HubEvent)
}

/// Something that changes what the registry says about a stream, or what an operator wants to know.
enum HubEvent: Sendable, Hashable {
    /// A publisher begins to send.
    case publisherCame
    /// The first frame was stamped: codecs and start are known.
    case started
    /// Lost without a goodbye; viewers are kept.
    case publisherLost
    case standbyCame
    case standbyLeft
    case standbyPromoted
    /// The source of a pulled stream is lost or silent while a reserve waits here.
    case sourceSilent
    /// A subscriber has seen a higher epoch than the one served here.
    case subscriberSaw(epoch: UInt64)
    case ended
}
