package import RelayCore

/// Where the registry is and how to get in:
///
///     redis://[user:password@]host[:port][/db]
///     rediss://…                                      the same over TLS; ?ca=/path.pem, ?insecure=true (loopback only)
///     redis+sentinel://[user:password@]host[:port],host[:port]…/primary-name[/db]
///     rediss+sentinel://…
///
/// User and password are for the Redis servers; Sentinels that want their own get them with `?sentinel_user=` and
/// `?sentinel_password=`. Reserved characters in them are percent-encoded.
package struct RedisURL: Hashable, Sendable {
    /// How to find the server.
    package enum Place: Hashable, Sendable {
        case server(Endpoint)
        /// Sentinels, asked in this order, and the name under which they watch the primary.
        case sentinels([Endpoint], primary: String)
    }

    /// TLS without its off state.
    package struct Security: Hashable, Sendable {
        /// A file of PEM certificates to trust instead of the system's.
        package var trustedCertificates: String?
        /// Takes any certificate; only ever true for loopback hosts.
        package var acceptsAnyCertificate = false
    }

    package var place: Place
    package var credentials: RedisCredentials?
    package var sentinelCredentials: RedisCredentials?
    /// Index of the database.
    package var database: Int
    /// nil = plain TCP.
    package var security: Security?

    /// Default ports of Redis and of its Sentinel.
    package static let port = 6379
    package static let sentinelPort = 26379
    /// The highest index of a database accepted; Redis has 16 unless configured otherwise.
    package static let maximumDatabase = 65_535
}

/// What AUTH sends. Never shown.
package struct RedisCredentials: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// nil = the default user.
    package var user: String?
    package var password: String

    package init(user: String?, password: String) {
        self.user = user
        self.password = password
    }

    package var description: String { "\(user ?? ""):***" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["user": user ?? ""]) }
}

/// A mistake in a URL of the registry; the text names the part and what is allowed, never the password.
package struct RedisURLError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

extension RedisURL: CustomStringConvertible, CustomDebugStringConvertible {
    /// The URL with passwords masked; for logs and the admin API.
    package var description: String {
        var text = security == nil ? "redis" : "rediss"
        let login = credentials.map { "\($0.description)@" } ?? ""
        switch place {
        case .server(let endpoint): text += "://\(login)\(endpoint)"
        case .sentinels(let endpoints, let primary):
            text += "+sentinel://\(login)\(endpoints.map(\.description).joined(separator: ","))/\(primary)"
        }
        return "\(text)/\(database)"
    }

    package var debugDescription: String { description }
}
