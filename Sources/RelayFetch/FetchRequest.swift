/// One HTTP call to make.
package struct FetchRequest: Sendable {
    /// `GET`, `DELETE`, …: capital letters.
    package var method: String
    /// `http://` or `https://`; nothing else is ever spoken.
    package var url: String
    /// Header fields in order; names and values without control bytes.
    package var headers: [(name: String, value: String)]
    /// The body; nil for none.
    package var body: [UInt8]?
    /// When the call has to be over, connecting included.
    package var deadline: ContinuousClock.Instant
    /// Longest body of an answer that is accepted, bytes.
    package var maximumBytes: Int
    /// A file of PEM certificates to trust instead of the system's; nil for the system's.
    package var trustedCertificates: String?

    /// - Parameters:
    ///   - deadline: an instant on the continuous clock; 10 s from now when left out.
    ///   - maximumBytes: 8 MiB when left out.
    package init(
        method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        deadline: ContinuousClock.Instant = .now + .seconds(10), maximumBytes: Int = 8 << 20,
        trustedCertificates: String? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.maximumBytes = maximumBytes
        self.trustedCertificates = trustedCertificates
    }
}

/// The answer to a call.
package struct FetchResponse: Sendable {
    /// The status, 200 and on. Redirects are not followed: they arrive here as 3xx.
    package var status: Int
    /// Header fields in order, as sent.
    package var headers: [(name: String, value: String)]
    /// The body; empty when there was none.
    package var body: [UInt8]

    /// The first field of this name, whatever its case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
