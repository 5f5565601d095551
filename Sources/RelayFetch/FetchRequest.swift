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
    /// The longest that connecting may take, TLS included; nil leaves it to the deadline.
    package var connectTimeout: Duration?
    /// Longest body of an answer that is accepted, bytes. A stream's body has no such end; its buffer has.
    package var maximumBytes: Int
    /// A file of PEM certificates to trust instead of the system's; nil for the system's. It is read again for each new
    /// connection, so that a file that was replaced counts from then on.
    package var trustedCertificates: String?

    /// - Parameters:
    ///   - deadline: an instant on the continuous clock; 10 s from now when left out.
    ///   - maximumBytes: 8 MiB when left out.
    package init(
        method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        deadline: ContinuousClock.Instant = .now + .seconds(10), connectTimeout: Duration? = nil,
        maximumBytes: Int = 8 << 20, trustedCertificates: String? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.connectTimeout = connectTimeout
        self.maximumBytes = maximumBytes
        self.trustedCertificates = trustedCertificates
    }
}

extension FetchRequest: CustomStringConvertible, CustomReflectable {
    /// Method and URL alone: header fields and bodies carry secrets, and descriptions end up in logs.
    package var description: String { "\(method) \(url)" }
    package var customMirror: Mirror { Mirror(self, children: ["request": description]) }
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
    package func header(_ name: String) -> String? { headers.value(name) }
}

extension [(name: String, value: String)] {
    /// The value of the first field of this name, whatever its case.
    func value(_ name: String) -> String? {
        first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
