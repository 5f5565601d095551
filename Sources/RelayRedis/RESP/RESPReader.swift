import CHiredis
package import NIOCore

/// Turns received bytes into replies: hiredis' reader behind limits of our own. Belongs to one connection and its event loop.
package final class RESPReader {
    private let limits: RESPLimits
    private var scanner: RESPScanner
    private var received = ByteBuffer()
    /// nil when there was no memory for it.
    private let reader: UnsafeMutablePointer<redisReader>?

    package init(limits: RESPLimits = RESPLimits()) {
        self.limits = limits
        scanner = RESPScanner(limits: limits)
        reader = redisReaderCreate()
    }

    deinit {
        if let reader { redisReaderFree(reader) }
    }

    /// Adds bytes as they came from the socket.
    package func append(_ bytes: consuming ByteBuffer) {
        if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
    }

    /// The next whole reply; nil when bytes are missing.
    ///
    /// - Throws: ``RESPError``; the connection is of no use afterwards.
    package func next() throws(RESPError) -> RESPValue? {
        guard let length = try scanner.scan(received) else {
            received.discardReadBytes()
            return nil
        }
        guard let reader, let reply = received.readSlice(length: length) else { throw .unreadable("no memory") }
        // 0 is REDIS_OK, a macro.
        let isFed = reply.withUnsafeReadableBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count) == 0
        }
        var object: UnsafeMutableRawPointer?
        guard isFed, redisReaderGetReply(reader, &object) == 0, let object else {
            throw .unreadable(Self.text(of: reader))
        }
        defer { freeReplyObject(object) }
        return Self.value(object.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// Not deeper than the limits, which the scanner checked.
    private static func value(_ reply: redisReply) -> RESPValue {
        switch reply.type {
        case REDIS_REPLY_INTEGER: .integer(reply.integer)
        case REDIS_REPLY_STATUS: .status(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: .error(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_STRING: .bytes(bytes(reply))
        case REDIS_REPLY_ARRAY:
            .array(
                UnsafeBufferPointer(
                    start: reply.element, count: reply.element == nil ? 0 : Int(clamping: reply.elements)
                )
                .map { element in element.map { value($0.pointee) } ?? .null })
        default: .null
        }
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
        guard let start = reply.str else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(clamping: reply.len)))
    }

    private static func text(of reader: UnsafeMutablePointer<redisReader>) -> String {
        withUnsafeBytes(of: reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
