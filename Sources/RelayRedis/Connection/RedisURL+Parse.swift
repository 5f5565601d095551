import RelayCore

extension RedisURL {
    /// Reads a URL.
    ///
    /// - Throws: ``RedisURLError`` with the first mistake.
    package init(_ text: String) throws(RedisURLError) {
        guard text.utf8.count <= 4096 else { throw RedisURLError("the URL is longer than 4096 bytes") }
        guard let separator = text.firstIndex(of: ":"), text[separator...].hasPrefix("://") else {
            throw RedisURLError(
                "the URL has no scheme; use redis://, rediss://, redis+sentinel:// or rediss+sentinel://")
        }
        let isTLS: Bool
        let isSentinel: Bool
        switch text[..<separator] {
        case "redis": (isTLS, isSentinel) = (false, false)
        case "rediss": (isTLS, isSentinel) = (true, false)
        case "redis+sentinel": (isTLS, isSentinel) = (false, true)
        case "rediss+sentinel": (isTLS, isSentinel) = (true, true)
        default:
            // Not repeated: what stands there may be a password, of a URL without a scheme.
            throw RedisURLError(
                "the URL's scheme is unknown; use redis://, rediss://, redis+sentinel:// or rediss+sentinel://")
        }
        var rest = text[separator...].dropFirst(3)
        guard !rest.contains("#") else { throw RedisURLError("write # in a user or password as %23") }
        var options = Substring()
        if let mark = rest.firstIndex(of: "?") {
            options = rest[mark...].dropFirst()
            rest = rest[..<mark]
        }
        var path: [Substring] = []
        if let slash = rest.firstIndex(of: "/") {
            path = rest[slash...].dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            if path.count == 1, path.first == "" { path = [] }
            rest = rest[..<slash]
        }
        var credentials: RedisCredentials?
        if let at = rest.lastIndex(of: "@") {
            credentials = try Self.credentials(rest[..<at])
            rest = rest[at...].dropFirst()
        }
        let endpoints = try Self.endpoints(rest, defaultPort: isSentinel ? Self.sentinelPort : Self.port)
        let place: Place
        if isSentinel {
            guard let name = path.first, !name.isEmpty,
                name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "%") })
            else {
                throw RedisURLError("the name under which the Sentinels watch the primary is missing: …/mymaster")
            }
            place = .sentinels(endpoints, primary: String(name))
            path.removeFirst()
        } else {
            guard let only = endpoints.first, endpoints.count == 1 else {
                throw RedisURLError("there are several hosts; that is for redis+sentinel:// only")
            }
            place = .server(only)
        }
        var database = 0
        if let index = path.first {
            guard path.count == 1, let number = Self.number(index, 0...Self.maximumDatabase) else {
                throw RedisURLError("the database is an index of 0...\(Self.maximumDatabase) at the end: …/0")
            }
            database = number
        }
        self.init(
            place: place, credentials: credentials, sentinelCredentials: nil, database: database,
            security: isTLS ? Security() : nil)
        try read(options, endpoints)
    }

    private mutating func read(_ options: Substring, _ endpoints: [Endpoint]) throws(RedisURLError) {
        var seen: Set<Substring> = []
        var sentinelUser: String?
        var sentinelPassword: String?
        for option in options.split(separator: "&") {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let key = parts.first, let value = parts.last.flatMap({ Self.decoded($0) }),
                !value.isEmpty
            else { throw RedisURLError("an option of the URL is not written as key=value") }
            guard seen.insert(key).inserted else { throw RedisURLError("an option of the URL is given twice") }
            switch key {
            case "ca":
                guard security != nil else { throw RedisURLError("ca is for rediss:// only") }
                guard value.hasPrefix("/") else { throw RedisURLError("ca is an absolute path to a PEM file") }
                security?.trustedCertificates = value
            case "insecure":
                guard security != nil else { throw RedisURLError("insecure is for rediss:// only") }
                guard value == "true" || value == "false" else { throw RedisURLError("insecure is true or false") }
                guard value == "false" || endpoints.allSatisfy({ Self.isLoopback($0.host) }) else {
                    throw RedisURLError(
                        "insecure=true is for loopback hosts only; name the certificate's issuer with ca=")
                }
                security?.acceptsAnyCertificate = value == "true"
            case "sentinel_user": sentinelUser = value
            case "sentinel_password": sentinelPassword = value
            default:
                throw RedisURLError("an option is unknown; there are ca, insecure, sentinel_user and sentinel_password")
            }
        }
        guard sentinelUser != nil || sentinelPassword != nil else { return }
        guard case .sentinels = place, let sentinelPassword else {
            throw RedisURLError("sentinel_user needs sentinel_password, and both need redis+sentinel://")
        }
        sentinelCredentials = RedisCredentials(user: sentinelUser, password: sentinelPassword)
    }

    private static func credentials(_ text: Substring) throws(RedisURLError) -> RedisCredentials {
        guard let colon = text.firstIndex(of: ":") else {
            throw RedisURLError("there is a user without a password; write user:password@, or :password@")
        }
        guard let user = decoded(text[..<colon]), let password = decoded(text[colon...].dropFirst()) else {
            throw RedisURLError("the user or password has a percent sign without two hex digits; write % as %25")
        }
        guard !password.isEmpty else { throw RedisURLError("the password is empty") }
        guard !text[colon...].dropFirst().contains("@") else {
            throw RedisURLError("write @ in a password as %40")
        }
        return RedisCredentials(user: user.isEmpty ? nil : user, password: password)
    }

    private static func endpoints(_ text: Substring, defaultPort: Int) throws(RedisURLError) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            var host = part
            var port = defaultPort
            if part.first == "[" {
                guard let end = part.firstIndex(of: "]") else {
                    throw RedisURLError("an IPv6 address has no closing ]")
                }
                host = part[part.index(after: part.startIndex)..<end]
                let tail = part[end...].dropFirst()
                if !tail.isEmpty { port = try Self.port(tail) }
                guard host.utf8.allSatisfy({ isHexDigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
                else {
                    throw RedisURLError("what stands in [] is no IPv6 address")
                }
            } else if let colon = part.firstIndex(of: ":") {
                host = part[..<colon]
                port = try Self.port(part[colon...])
            }
            let isName = host.utf8.allSatisfy { byte in
                isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                    || byte == UInt8(ascii: "_")
            }
            guard !host.isEmpty, host.utf8.count <= 253, isName || part.first == "[" else {
                throw RedisURLError("a host is missing or has characters that no host name has")
            }
            endpoints.append(Endpoint(host: String(host), port: port))
        }
        return endpoints
    }

    private static func port(_ text: Substring) throws(RedisURLError) -> Int {
        guard text.first == ":", let port = number(text.dropFirst(), 1...65_535) else {
            throw RedisURLError("a port is a number of 1...65535")
        }
        return port
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text).flatMap { range.contains($0) ? $0 : nil }
    }

    /// Percent-decoding (RFC 3986 section 2.1); nil when a sequence is broken or the result is no UTF-8.
    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(), isHexDigit(high), isHexDigit(low),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Whether a host can only be this machine.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.first == "127" && parts.allSatisfy { number($0, 0...255) != nil }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
