/// `v1` Status: how the server words a refusal.
package struct StatusObject: Hashable, Sendable, Codable {
    package var code: Int?
    /// `Conflict`, `Expired`, `Forbidden`, …
    package var reason: String?
    package var message: String?
    package var details: Details?

    package struct Details: Hashable, Sendable, Codable {
        package var retryAfterSeconds: Int?
        /// What is wrong with the object that was sent.
        package var causes: [Cause]?

        package init(retryAfterSeconds: Int? = nil, causes: [Cause]? = nil) {
            self.retryAfterSeconds = retryAfterSeconds
            self.causes = causes
        }
    }

    package struct Cause: Hashable, Sendable, Codable {
        /// The path of the field: `metadata.uid`.
        package var field: String?

        package init(field: String?) { self.field = field }
    }

    package init(code: Int? = nil, reason: String? = nil, message: String? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
    }
}
