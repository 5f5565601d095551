package import RelayCore

/// A node that may serve a stream to this one.
package struct PullParent: Hashable, Sendable {
    package var node: NodeID
    package var link: Endpoint
    /// Hops from the origin to the parent: 0 for the owner itself.
    package var hops: Int
    /// SHA-256 of its link certificate, hex; nil when its link is plain.
    package var certificate: String?

    package init(node: NodeID, link: Endpoint, hops: Int, certificate: String? = nil) {
        self.node = node
        self.link = link
        self.hops = hops
        self.certificate = certificate
    }
}

/// Where a pull goes.
package enum PullSource: Hashable, Sendable {
    case parent(PullParent)
    /// A foreign RTMP server, by the URL that a template gave.
    case foreign(String)
}

/// What looking a stream up led to; parents in the order of ``ParentSelection``.
package enum PullResolution: Hashable, Sendable {
    /// - epoch: of the location; parents that hold an older one do not serve it.
    /// - age: 0 from the registry now, more when it is away and this is the last that was known.
    case found(epoch: UInt64, sources: [PullSource], age: Duration)
    /// The registry does not know it.
    case notFound
    /// The registry is away, and nothing was known before.
    case unavailable
}

/// Bounds of a pull; configuration keys `edge.*`.
package struct PullSettings: Hashable, Sendable {
    /// How long a pulled stream is kept after its last viewer.
    package var linger = Duration.seconds(30)
    /// How long viewers are kept without a source.
    package var hold = Duration.seconds(60)
    /// How long an attempt may go without an answer before a second one is made beside it.
    package var hedgeAfter = Duration.milliseconds(300)
    /// How long an attempt may go without an answer before it is given up.
    package var attemptTimeout = Duration.seconds(3)
    /// Distance of attempts without news: the first is at once, then this, doubling to `retryCeiling`.
    package var retryFloor = Duration.milliseconds(250)
    package var retryCeiling = Duration.seconds(2)
    /// A viewer of an unknown stream is answered within this, whatever the registry does.
    package var answerWithin = Duration.seconds(5)

    package init() {}
}

/// What a pull asks of its interpreter.
package enum PullAction: Hashable, Sendable {
    /// Look the stream up; ``StreamPull/resolved(_:now:)`` follows.
    case resolve
    /// Subscribe at a source, live or behind the newest frame held (the interpreter knows its id); `accepted`, `refused` or
    /// `failed` with the number follows.
    case subscribe(attempt: Int, PullSource)
    /// Give an attempt up; what still comes of it is ignored.
    case cancel(attempt: Int)
    /// The attempt's frames are the stream's from here on. Frames of an attempt before its adoption are kept by the interpreter.
    case adopt(attempt: Int)
    /// There is no source now; viewers stay.
    case hold
    /// Over: viewers are told the code.
    case end(RelayCode)
    /// Nobody has watched for the linger time: let go without a word.
    case release
}
