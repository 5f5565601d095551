/// Why a command has no usable reply.
package enum RedisError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no connection, it ended, or the deadline passed.
    case unavailable(String)
    /// Redis is there and refuses.
    case refused(RedisRefusal)
    /// What came is no reply, or one that the command cannot have.
    case badReply(String)

    package var description: String {
        switch self {
        case .unavailable(let text), .badReply(let text): text
        case .refused(let refusal): refusal.description
        }
    }
}

/// An error reply of Redis, and what helps against it. None of them says anything about a stream.
package struct RedisRefusal: Hashable, Sendable, CustomStringConvertible {
    /// What to do.
    package enum Remedy: String, Hashable, Sendable, CaseIterable {
        /// It passes by itself, or an operator has to make room: `LOADING`, `BUSY`, `OOM`, `CLUSTERDOWN`, …
        case retryLater
        /// Redis forgot our scripts: `NOSCRIPT`.
        case reloadScript
        /// Not the primary (any more): `READONLY`, `MASTERDOWN`. Find the primary again.
        case resolvePrimary
        /// User or password are wrong or lack a right: `NOAUTH`, `WRONGPASS`, `NOPERM`. Connect again: they may have changed there.
        case authenticate
        /// A Redis Cluster, which needs a different address: `MOVED`, `ASK`, `CROSSSLOT`. Only the configuration helps.
        case reconfigure
        /// Anything else; ours or the server's mistake.
        case report
    }

    /// The first word of the reply.
    package let code: String
    /// The whole reply, at most 200 characters.
    package let text: String

    package init(_ text: String) {
        self.text = String(text.prefix(200))
        code = String(text.prefix { $0 != " " }.prefix(32))
    }

    package var remedy: Remedy {
        switch code {
        case "LOADING", "BUSY", "OOM", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "NOREPLICAS", "UNKILLABLE": .retryLater
        case "NOSCRIPT": .reloadScript
        case "READONLY", "MASTERDOWN": .resolvePrimary
        case "NOAUTH", "WRONGPASS", "NOPERM": .authenticate
        case "MOVED", "ASK", "CROSSSLOT": .reconfigure
        default: .report
        }
    }

    package var description: String {
        switch remedy {
        case .retryLater: "Redis cannot do it now (\(text)); it is tried again"
        case .reloadScript: "Redis has lost a script (\(text)); it is loaded again"
        case .resolvePrimary: "this Redis is not a writable primary (\(text)); the primary is looked up again"
        case .authenticate: "Redis wants another user or password (\(text)); check the registry's URL"
        case .reconfigure: "this is a Redis Cluster (\(text)); give the URL of a single primary or of Sentinels"
        case .report: "Redis refuses (\(text))"
        }
    }
}
