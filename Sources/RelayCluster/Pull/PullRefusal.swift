/// Why a source did not take a subscription, in words of the pull.
package enum PullRefusal: Hashable, Sendable, CaseIterable {
    /// It does not have the stream.
    case notFound
    /// The stream is owned elsewhere.
    case moved
    /// The way to it comes back here, or is too long.
    case loop
    case overloaded, denied, draining
    /// What it has is older than what was seen here.
    case stale

    /// Whether the location that led there is likely out of date, so that looking it up again at once is worth it.
    var doubtsLocation: Bool {
        switch self {
        case .notFound, .moved, .stale: true
        case .loop, .overloaded, .denied, .draining: false
        }
    }
}
