package import RelayRTMP

/// Where a play goes: `rtmp://host/app/name`, `http://host/app/name.flv` or `ws://host/app/name.flv`.
package enum PlayTarget: Sendable, Hashable {
    case rtmp(RTMPURL)
    case http(FLVURL)
    case webSocket(FLVURL)

    /// Parses a URL.
    ///
    /// - Throws: ``ClientError/badURL(_:)``, also for TLS, which this client does not speak.
    package init(_ text: String) throws(ClientError) {
        let scheme = text.prefix { $0 != ":" }.lowercased()
        switch scheme {
        case "rtmp":
            guard let url = RTMPURL(text), !url.name.isEmpty else { throw .badURL("use rtmp://host/app/name") }
            self = .rtmp(url)
        case "http", "ws":
            guard let url = FLVURL(text.dropFirst(scheme.utf8.count)) else {
                throw .badURL("use \(scheme)://host/app/name.flv")
            }
            self = scheme == "ws" ? .webSocket(url) : .http(url)
        case "rtmps", "https", "wss":
            throw .badURL("\(scheme) is not supported; use the plain port")
        default:
            throw .badURL("use rtmp://, http:// or ws://")
        }
    }

    /// `rtmp`, `http-flv` or `ws-flv`, as the admin API calls it.
    package var transport: String {
        switch self {
        case .rtmp: "rtmp"
        case .http: "http-flv"
        case .webSocket: "ws-flv"
        }
    }
}

/// The part of an HTTP or WebSocket URL behind the scheme.
package struct FLVURL: Sendable, Hashable {
    /// Name or address; an IPv6 literal stands without brackets.
    package let host: String
    package let port: Int
    /// What goes into the `Host` field.
    package let authority: String
    /// Path and query.
    package let target: String

    /// Parses `://host:port/path?query`; nil when there is no host or something is not printable.
    init?(_ text: Substring) {
        guard text.hasPrefix("://"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let rest = text.dropFirst(3).prefix { $0 != "#" }
        let slash = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<slash]
        guard !authority.contains("@") else { return nil }
        var host = authority
        var port: UInt16 = 80
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            host = authority[..<colon]
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { return nil }
            port = number
        }
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = Int(port)  // bounded: widening
        self.authority = String(authority)
        target = rest[slash...].hasPrefix("/") ? String(rest[slash...]) : "/" + rest[slash...]
    }
}
