package import NIOCore
package import RelayCore

/// The mark as bytes, the same in a video frame (SEI) and in an audio frame (data stream element):
///
///     16    UUID
///      1    version, 0x81
///      1    0x80 | keyframe 1 | disposable 2
///    5 5    source: stream, run
///      5    session
///     10    number
///     10    media time, µs
///     10    sent at, monotonic ns
///     10    wall, ms
///      5    checksum of the configuration
///      1    0x80 | count of references
///   5 × n   references, as distances back from the number
///      5    length of the padding
///      n    padding, no byte of it zero
///      5    CRC32C of everything behind the UUID up to here
///
/// Numbers are seven bits to a byte, most significant first, with the top bit set: no byte is zero, so nothing in a NAL
/// unit needs emulation prevention (ISO/IEC 14496-10 7.4.1.1) and the checker reads the bytes as they lie.
extension VerifyMark {
    /// Random, version 4 (RFC 9562), without zero bytes.
    static let uuid: (UInt64, UInt64) = (0xC5B1_7F3E_92D4_4E6A, 0xA83D_51F7_2C9E_B064)
    static let version: UInt8 = 0x81
    /// Bytes of a mark without references and padding.
    package static let fixedSize = 16 + 1 + 1 + 5 + 5 + 5 + 10 + 10 + 10 + 10 + 5 + 1 + 5 + 5

    /// Bytes that ``write(padding:into:)`` writes.
    package func size(padding: Int) -> Int {
        Self.fixedSize &+ 5 &* min(references.count, Self.maximumReferences) &+ padding
    }

    /// Appends the mark and its padding, sealed. Called by the source.
    ///
    /// - Parameter padding: bytes that are not zero; what a frame of this bitrate would be filled with.
    func write(padding: ByteBuffer, into buffer: inout ByteBuffer) {
        buffer.writeInteger(Self.uuid.0)
        buffer.writeInteger(Self.uuid.1)
        let start = buffer.writerIndex
        buffer.writeInteger(Self.version)
        buffer.writeInteger(0x80 | (isKeyframe ? 1 : 0) | (isDisposable ? 2 : 0) as UInt8)
        buffer.writeMarked(UInt64(source.stream), bytes: 5)
        buffer.writeMarked(UInt64(source.run), bytes: 5)
        buffer.writeMarked(UInt64(session), bytes: 5)
        buffer.writeMarked(number, bytes: 10)
        buffer.writeMarked(mediaTime, bytes: 10)
        buffer.writeMarked(UInt64(bitPattern: sentAt.nanoseconds), bytes: 10)
        buffer.writeMarked(UInt64(bitPattern: wallMs), bytes: 10)
        buffer.writeMarked(UInt64(configuration), bytes: 5)
        let references = references.prefix(Self.maximumReferences)
        buffer.writeInteger(0x80 | UInt8(truncatingIfNeeded: references.count))
        for reference in references { buffer.writeMarked(number &- reference, bytes: 5) }
        buffer.writeMarked(UInt64(truncatingIfNeeded: padding.readableBytes), bytes: 5)
        buffer.writeImmutableBuffer(padding)
        let sealed = buffer.getSlice(at: start, length: buffer.writerIndex &- start) ?? ByteBuffer()
        buffer.writeMarked(UInt64(CRC32C.checksum(of: sealed)), bytes: 5)
    }

    /// What was found in a frame.
    package enum Reading: Sendable, Hashable {
        case mark(VerifyMark)
        /// No mark: not a frame of a verifiable source.
        case none
        /// A mark that is cut off, of another version, or whose seal is broken.
        case damaged
    }

    /// Reads the mark of a frame's body. Called by the checker, on every frame.
    ///
    /// - Parameters:
    ///   - header: of the same body.
    ///   - checksSeal: whether to compute the checksum, which is most of the work.
    package static func read(from body: ByteBuffer, header: MediaHeader, checksSeal: Bool = true) -> Reading {
        body.withUnsafeReadableBytes { bytes in
            guard header.payloadOffset <= bytes.count else { return .none }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[header.payloadOffset...])
            let found = header.kind == .video ? supplement(in: payload) : dataElement(in: payload)
            guard let found else { return .none }
            var cursor = ByteCursor(found)
            guard cursor.integer() == uuid.0, cursor.integer() == uuid.1 else { return .none }
            return decode(&cursor, checksSeal: checksSeal)
        }
    }

    /// The first SEI message of type user_data_unregistered in a frame of length-prefixed NAL units
    /// (ISO/IEC 14496-10 7.3.2.3.1, D.1.7).
    private static func supplement(in payload: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var cursor = ByteCursor(payload)
        for _ in 0..<8 {
            guard let length = cursor.integer(as: UInt32.self), let unit = cursor.slice(length) else { return nil }
            var unitCursor = ByteCursor(unit)
            guard let first = unitCursor.byte(), first & 0x1F == 6 else { continue }
            guard unitCursor.byte() == 5 else { continue }
            var size = 0
            while let byte = unitCursor.byte() {
                size &+= Int(truncatingIfNeeded: byte)
                if byte != 0xFF { break }
            }
            // A message that is cut off is read as far as it goes: it may still say what was damaged.
            return unitCursor.rest(atMost: size)
        }
        return nil
    }

    /// The data stream element at the start of a raw AAC frame, byte aligned there (ISO/IEC 14496-3 4.4.2.7).
    private static func dataElement(in payload: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var cursor = ByteCursor(payload)
        guard let first = cursor.byte(), first >> 5 == 4, first & 1 == 1, let count = cursor.byte() else { return nil }
        var size = Int(truncatingIfNeeded: count)
        if count == 0xFF {
            guard let more = cursor.byte() else { return nil }
            size &+= Int(truncatingIfNeeded: more)
        }
        return cursor.rest(atMost: size)
    }

    private static func decode(_ cursor: inout ByteCursor, checksSeal: Bool) -> Reading {
        let start = cursor.position
        guard cursor.byte() == version, let flags = cursor.byte(),
            let stream = cursor.marked(5), let run = cursor.marked(5), let session = cursor.marked(5),
            let number = cursor.marked(10), let mediaTime = cursor.marked(10), let sentAt = cursor.marked(10),
            let wallMs = cursor.marked(10), let configuration = cursor.marked(5), let count = cursor.byte(),
            count & 0x7F <= maximumReferences
        else { return .damaged }
        var mark = VerifyMark(
            source: VerifySourceID(
                stream: UInt32(truncatingIfNeeded: stream), run: UInt32(truncatingIfNeeded: run)),
            session: UInt32(truncatingIfNeeded: session), number: number, mediaTime: mediaTime,
            sentAt: MonotonicTime(nanoseconds: Int64(bitPattern: sentAt)), wallMs: Int64(bitPattern: wallMs),
            configuration: UInt32(truncatingIfNeeded: configuration))
        mark.isKeyframe = flags & 1 != 0
        mark.isDisposable = flags & 2 != 0
        for _ in 0..<(count & 0x7F) {
            guard let distance = cursor.marked(5) else { return .damaged }
            mark.references.append(number &- distance)
        }
        guard let padding = cursor.marked(5), cursor.slice(UInt32(truncatingIfNeeded: padding)) != nil else {
            return .damaged
        }
        let sealed = cursor.bytes(from: start)
        guard let seal = cursor.marked(5) else { return .damaged }
        guard !checksSeal || UInt64(CRC32C.checksum(of: sealed)) == seal else { return .damaged }
        return .mark(mark)
    }
}

extension ByteBuffer {
    /// Appends the low `7 * bytes` bits of a number, seven to a byte with the top bit set.
    fileprivate mutating func writeMarked(_ value: UInt64, bytes: Int) {
        for index in (0..<bytes).reversed() {
            let shift = UInt64(truncatingIfNeeded: index &* 7)
            writeInteger(0x80 | UInt8(truncatingIfNeeded: (shift < 64 ? value >> shift : 0) & 0x7F))
        }
    }
}

/// Reads raw bytes front to back; nil past the end. `ByteBuffer`'s own readers check more than is needed for a mark,
/// which thousands of viewers read at once.
private struct ByteCursor {
    private let whole: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { whole = bytes }

    private var left: Int { whole.count &- position }

    mutating func byte() -> UInt8? {
        guard position < whole.count else { return nil }
        defer { position &+= 1 }
        return whole[position]
    }

    mutating func integer<Number: FixedWidthInteger & BitwiseCopyable>(as: Number.Type = Number.self) -> Number? {
        guard left >= MemoryLayout<Number>.size else { return nil }
        defer { position &+= MemoryLayout<Number>.size }
        return Number(bigEndian: whole.loadUnaligned(fromByteOffset: position, as: Number.self))
    }

    /// A number of ``Swift/ByteBuffer/writeMarked(_:bytes:)``; nil at the end, or when a byte lacks its top bit.
    mutating func marked(_ count: Int) -> UInt64? {
        guard left >= count else { return nil }
        var value: UInt64 = 0
        var all: UInt8 = 0x80
        for index in position..<(position &+ count) {
            let byte = whole[index]
            all &= byte
            value = value << 7 | UInt64(byte & 0x7F)
        }
        position &+= count
        return all == 0 ? nil : value
    }

    mutating func slice(_ length: UInt32) -> UnsafeRawBufferPointer? {
        guard let length = Int(exactly: length), left >= length else { return nil }
        defer { position &+= length }
        return UnsafeRawBufferPointer(rebasing: whole[position..<(position &+ length)])
    }

    func rest(atMost length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: whole[position...].prefix(length))
    }

    func bytes(from start: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: whole[start..<position]) }
}
