package import NIOCore
package import RelayCore

/// One thing found in an FLV byte stream.
package enum FLVItem: Hashable, Sendable {
    /// The header at the start.
    case header(FLVHeader)
    /// A tag: its kind, its timestamp in ms modulo 2^32, and its body, which is the RTMP message payload.
    case tag(kind: MediaKind, timestamp: UInt32, body: ByteBuffer)
}

/// Reads FLV from bytes that arrive in pieces: files and HTTP-FLV or WS-FLV responses. Used by `relayctl` and tests.
///
/// Memory follows the bytes received: a length field reserves nothing, and tags of unknown types are skipped without
/// being kept. A wrong length field between tags is counted and tolerated, since players do not need it and several
/// writers get it wrong.
package struct FLVReader: Sendable {
    /// The longest body accepted for each kind of tag, in bytes; the same as the RTMP message caps.
    package struct Limits: Sendable, Hashable {
        /// Longest video body.
        package var video = 8 << 20
        /// Longest audio body.
        package var audio = 256 << 10
        /// Longest script data body.
        package var data = 64 << 10

        /// The default caps.
        package init() {}
    }

    /// header ──▶ field ──▶ tag ──▶ field …; tag ──▶ skip ──▶ field for unknown types; any ──▶ failed.
    private enum State {
        /// Waiting for the file header.
        case header
        /// Waiting for the length field behind something of this many bytes.
        case field(expected: Int)
        /// Waiting for a whole tag.
        case tag
        /// Dropping the rest of a tag of an unknown type; then the length field.
        case skip(remaining: Int, expected: Int)
        /// Refused; says the same for ever.
        case failed(FLVError)
    }

    /// Length fields that did not match the tag before them.
    package private(set) var mismatchedFields = 0
    /// Tags of types that FLV does not define.
    package private(set) var skippedTags = 0
    /// Bytes received and not yet given out.
    package var bufferedBytes: Int { buffer.readableBytes }
    /// Bytes of memory held for them.
    package var heldBytes: Int { buffer.capacity }
    /// Whether the bytes so far end behind a tag (or its length field); false at the end of a file means it was cut
    /// off.
    package var isBetweenTags: Bool {
        switch state {
        case .field, .tag: buffer.readableBytes == 0
        case .header, .skip, .failed: false
        }
    }

    private let limits: Limits
    private var state = State.header
    private var buffer = ByteBuffer()

    /// A reader at the start of a stream.
    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Adds bytes that arrived. Call ``next()`` until it returns nil afterwards.
    package mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            // At most one move of an unfinished tag for each append after a tag was given out, so the cost stays
            // linear.
            if buffer.readerIndex > 0 { buffer.discardReadBytes() }
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next header or tag, or nil when more bytes are needed.
    ///
    /// - Throws: ``FLVError``, and the same one on every further call.
    package mutating func next() throws(FLVError) -> FLVItem? {
        do throws(FLVError) {
            return try advance()
        } catch {
            state = .failed(error)
            buffer = ByteBuffer()
            throw error
        }
    }

    private mutating func advance() throws(FLVError) -> FLVItem? {
        while true {
            switch state {
            case .failed(let error):
                throw error
            case .header:
                guard let header = try FLVHeader.decode(from: &buffer) else { return nil }
                state = .field(expected: 0)
                return .header(header)
            case .field(let expected):
                guard let length = buffer.readInteger(as: UInt32.self) else { return nil }
                if Int(exactly: length) != expected { mismatchedFields &+= 1 }
                state = .tag
            case .skip(let remaining, let expected):
                let step = min(remaining, buffer.readableBytes)
                buffer.moveReaderIndex(forwardBy: step)  // bounded: at most readableBytes
                guard step == remaining else {
                    state = .skip(remaining: remaining &- step, expected: expected)
                    return nil
                }
                state = .field(expected: expected)
            case .tag:
                guard let tag = try readTag() else { return nil }
                if let tag { return tag }
            }
        }
    }

    /// The tag at the front; nil when more bytes are needed, `.some(nil)` when it is of an unknown type.
    private mutating func readTag() throws(FLVError) -> FLVItem?? {
        let start = buffer.readerIndex
        guard let head = buffer.getInteger(at: start, as: UInt64.self),
            buffer.readableBytes >= FLVTagEncoder.headerLength
        else { return .none }
        let type = UInt8(truncatingIfNeeded: head >> 56)
        let length = Int(truncatingIfNeeded: head >> 32 & 0xff_ffff)
        let timestamp = UInt32(truncatingIfNeeded: head >> 8 & 0xff_ffff) | UInt32(truncatingIfNeeded: head << 24)
        let whole = FLVTagEncoder.headerLength &+ length
        guard let kind = MediaKind(rawValue: type & 0xdf) else {
            buffer.moveReaderIndex(forwardBy: FLVTagEncoder.headerLength)  // bounded: readableBytes was checked
            skippedTags &+= 1
            state = .skip(remaining: length, expected: whole)
            return .some(.none)
        }
        guard type & 0x20 == 0 else { throw .encrypted }
        let cap =
            switch kind {
            case .video: limits.video
            case .audio: limits.audio
            case .data: limits.data
            }
        guard length <= cap else { throw .tagTooLong(kind: type, length: length) }
        guard var tag = buffer.readSlice(length: whole) else { return .none }
        tag.moveReaderIndex(forwardBy: FLVTagEncoder.headerLength)  // bounded: the slice is at least that long
        state = .field(expected: whole)
        return .tag(kind: kind, timestamp: timestamp, body: tag)
    }
}
