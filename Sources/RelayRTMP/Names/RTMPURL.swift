/// `rtmp://host:port/app/name?query`, as a client needs it taken apart.
///
/// The last segment of the path is the stream's name, everything before it the application (`rtmp://h/live/room/1` →
/// `live/room` and `1`). Nothing is validated against the name rules: the server we connect to decides.
package struct RTMPURL: Sendable, Hashable, CustomStringConvertible {
    /// IANA's port for macromedia-fcs.
    package static let defaultPort = 1935
    /// What RTMPS services listen on.
    package static let defaultSecurePort = 443

    /// `rtmps`.
    package var isSecure: Bool
    /// Name or address; an IPv6 literal stands without brackets.
    package var host: String
    package var port: Int
    package var app: String
    package var name: String
    /// Without the question mark.
    package var query: String

    package init(isSecure: Bool = false, host: String, port: Int? = nil, app: String, name: String, query: String = "")
    {
        self.isSecure = isSecure
        self.host = host
        self.port = port ?? (isSecure ? Self.defaultSecurePort : Self.defaultPort)
        self.app = app
        self.name = name
        self.query = query
    }

    /// Parses a URL; nil without a scheme we know, a host, an application and a port in 1...65535.
    package init?(_ text: String) {
        let lowered = text.prefix(8).lowercased()
        let isSecure = lowered.hasPrefix("rtmps://")
        guard isSecure || lowered.hasPrefix("rtmp://") else { return nil }
        let (body, query) = StreamAddress.split(String(text.dropFirst(isSecure ? 8 : 7)))
        let slash = body.firstIndex(of: "/") ?? body.endIndex
        guard let (host, port) = Self.authority(body[..<slash]) else { return nil }
        let segments = body[slash...].split(separator: "/", omittingEmptySubsequences: true)
        guard let last = segments.last else { return nil }
        let app = segments.count > 1 ? segments.dropLast().joined(separator: "/") : String(last)
        self.init(
            isSecure: isSecure, host: host, port: port, app: app, name: segments.count > 1 ? String(last) : "",
            query: query)
    }

    /// Everything behind the host: the application, and the name if there is one.
    var path: String { name.isEmpty ? app : "\(app)/\(name)" }

    private static func authority(_ text: Substring) -> (host: String, port: Int?)? {
        var text = text
        if let at = text.lastIndex(of: "@") { text = text[text.index(after: at)...] }
        let host: Substring
        var rest: Substring
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
        }
        guard !host.isEmpty else { return nil }
        if rest.isEmpty { return (String(host), nil) }
        guard rest.removeFirst() == ":", let port = UInt16(rest), port > 0 else { return nil }  // bounded: failable
        return (String(host), Int(port))  // bounded: widening
    }

    /// What goes into `tcUrl`: everything up to the application.
    package var tcUrl: String {
        let scheme = isSecure ? "rtmps" : "rtmp"
        let usual = isSecure ? Self.defaultSecurePort : Self.defaultPort
        let host = host.contains(":") ? "[\(host)]" : host
        return "\(scheme)://\(host)\(port == usual ? "" : ":\(port)")/\(app)"
    }

    /// What goes into `publish` and `play`: the name and the query.
    package var nameWithQuery: String { query.isEmpty ? name : "\(name)?\(query)" }

    package var description: String {
        name.isEmpty ? tcUrl + (query.isEmpty ? "" : "?\(query)") : "\(tcUrl)/\(nameWithQuery)"
    }
}
