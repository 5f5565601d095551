/// `connect`: the first command of a connection. RTMP 1.0 section 7.2.1.1, and Enhanced RTMP v2.
package struct ConnectCommand: Sendable, Equatable {
    /// As the client wrote it, a query included; empty when it was left out.
    package var app: String
    /// As the client wrote it, without surrounding quotes; empty when it was left out.
    package var tcUrl: String
    package var flashVer: String
    package var pageUrl: String
    package var swfUrl: String
    /// 0 or 3; 3 asks for AMF3.
    package var objectEncoding: Double
    package var capabilities: EnhancedCapabilities

    package init(
        app: String, tcUrl: String, flashVer: String, capabilities: EnhancedCapabilities = EnhancedCapabilities()
    ) {
        self.app = app
        self.tcUrl = tcUrl
        self.flashVer = flashVer
        self.capabilities = capabilities
        pageUrl = ""
        swfUrl = ""
        objectEncoding = 0
    }

    /// Reads the command object, which may be an object or an ECMA array. Everything is optional here: what must be there
    /// is the session's decision.
    package init(_ command: Command) {
        let object = command.object.objectValue ?? AMF0Object()
        func text(_ keys: String...) -> String {
            for key in keys {
                if let value = object[key]?.stringValue { return Self.unquoted(value) }
            }
            return ""
        }
        app = text("app")
        tcUrl = text("tcUrl", "tcurl")
        flashVer = text("flashVer", "flashver")
        pageUrl = text("pageUrl")
        swfUrl = text("swfUrl")
        objectEncoding = object["objectEncoding"]?.numberValue ?? 0
        capabilities = EnhancedCapabilities(object)
    }

    /// Some encoders put single quotes around values.
    private static func unquoted(_ text: String) -> String {
        guard text.utf8.count >= 2, text.utf8.first == UInt8(ascii: "'"), text.utf8.last == UInt8(ascii: "'") else {
            return text
        }
        return String(text.dropFirst().dropLast())
    }

    /// The command that a client sends, with the legacy codec masks "everything" that old servers look at.
    ///
    /// - Parameter isPublisher: publishers say `type: nonprivate` and no codec masks, players the reverse (as FMLE and
    ///   Flash Player do, and servers sort clients by it).
    package func command(transactionID: Double, isPublisher: Bool) -> Command {
        var object: AMF0Object = ["app": .string(app)]
        if isPublisher { object["type"] = .string("nonprivate") }
        object["flashVer"] = .string(flashVer)
        object["tcUrl"] = .string(tcUrl)
        if !isPublisher {
            object["fpad"] = .boolean(false)
            object["capabilities"] = .number(15)
            object["audioCodecs"] = .number(4071)
            object["videoCodecs"] = .number(252)
            object["videoFunction"] = .number(1)
        }
        object["objectEncoding"] = .number(objectEncoding)
        capabilities.write(into: &object)
        return Command("connect", transactionID: transactionID, object: .object(object))
    }
}
