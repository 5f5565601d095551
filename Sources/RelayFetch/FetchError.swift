/// Why a call got no answer. An answer with an unwelcome status is not an error; the caller looks at the status.
package struct FetchError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What happened, for the caller to decide on; new kinds may appear.
    package struct Kind: Sendable, Hashable {
        private let name: String

        /// The request cannot be sent as it is: its URL, method or a header field is not allowed.
        package static let badRequest = Kind(name: "badRequest")
        /// The host name has no address.
        package static let cannotResolve = Kind(name: "cannotResolve")
        /// Nothing accepted the connection.
        package static let cannotConnect = Kind(name: "cannotConnect")
        /// The deadline passed.
        package static let timedOut = Kind(name: "timedOut")
        /// The TLS handshake failed, a certificate for another host included.
        package static let tls = Kind(name: "tls")
        /// The answer is longer than the caller allows.
        package static let tooLarge = Kind(name: "tooLarge")
        /// The peer's bytes are not HTTP, or stopped in the middle.
        package static let broken = Kind(name: "broken")
        /// The task was cancelled, or the `Fetch` went away.
        package static let cancelled = Kind(name: "cancelled")
    }

    package let kind: Kind
    /// One sentence; never repeats bytes of the answer.
    package let message: String

    /// Whether the host was not reached at all, so that nothing was done there.
    package var isUnreachable: Bool { kind == .cannotResolve || kind == .cannotConnect }

    package var description: String { message }
}
