package import NIOCore

/// AMF0 reading and writing. Both directions live in files of this folder.
package enum AMF0 {
    /// What one message may hold. The defaults keep the stack and the memory of a parse constant.
    package struct Limits: Sendable, Hashable {
        /// Objects and arrays inside each other.
        package var depth: Int = 16
        /// Values in one message.
        package var values: Int = 1024
        /// Longest string, bytes.
        package var stringBytes: Int = 64 << 10
        /// Longest property name, bytes.
        package var keyBytes: Int = 256

        package init() {}
    }

    /// Decodes all values of a message body.
    ///
    /// An object whose end marker is missing is accepted when the body ends right behind a property: encoders do that.
    ///
    /// - Throws: the first thing that is wrong.
    package static func decode(_ payload: ByteBuffer, limits: Limits = Limits()) throws(AMF0Error) -> [AMF0Value] {
        var reader = AMF0Reader(payload, limits: limits)
        var values: [AMF0Value] = []
        while let value = try reader.next() { values.append(value) }
        return values
    }

    /// `UInt32` of a number that is exactly one; nil for NaN, infinities, fractions and anything out of range.
    package static func exactUInt32(_ number: Double?) -> UInt32? { number.flatMap(UInt32.init(exactly:)) }

    /// `Int` of a number that is exactly one; nil for NaN, infinities, fractions and anything out of range.
    package static func exactInt(_ number: Double?) -> Int? { number.flatMap(Int.init(exactly:)) }
}

/// Reads values one after the other, so that a command's name can be looked at before the rest.
struct AMF0Reader {
    private enum Marker {
        static let number: UInt8 = 0x00
        static let boolean: UInt8 = 0x01
        static let string: UInt8 = 0x02
        static let object: UInt8 = 0x03
        static let null: UInt8 = 0x05
        static let undefined: UInt8 = 0x06
        static let ecmaArray: UInt8 = 0x08
        static let objectEnd: UInt8 = 0x09
        static let strictArray: UInt8 = 0x0A
        static let date: UInt8 = 0x0B
        static let longString: UInt8 = 0x0C
        static let unsupported: UInt8 = 0x0D
        static let xmlDocument: UInt8 = 0x0F
        static let typedObject: UInt8 = 0x10
        static let amf3: UInt8 = 0x11
    }

    private(set) var rest: ByteBuffer
    private let limits: AMF0.Limits
    private var values = 0

    init(_ payload: ByteBuffer, limits: AMF0.Limits) {
        rest = payload
        self.limits = limits
    }

    /// The next value; nil at the end.
    mutating func next() throws(AMF0Error) -> AMF0Value? {
        guard rest.readableBytes > 0 else { return nil }
        return try value(depth: 0)
    }

    private mutating func value(depth: Int) throws(AMF0Error) -> AMF0Value {
        values &+= 1
        guard values <= limits.values else { throw .tooManyValues }
        var marker = try integer(UInt8.self)
        if marker == Marker.amf3 { marker = try integer(UInt8.self) }
        switch marker {
        case Marker.number: return .number(Double(bitPattern: try integer(UInt64.self)))
        case Marker.boolean: return .boolean(try integer(UInt8.self) != 0)
        case Marker.string: return .string(try shortString())
        case Marker.null: return .null
        case Marker.undefined: return .undefined
        case Marker.unsupported: return .unsupported
        case Marker.longString: return .string(try longString())
        case Marker.xmlDocument: return .xmlDocument(try longString())
        case Marker.date:
            let milliseconds = Double(bitPattern: try integer(UInt64.self))
            return .date(milliseconds: milliseconds, timeZone: try integer(Int16.self))
        case Marker.object: return .object(try object(depth: try deeper(depth)))
        case Marker.typedObject:
            _ = try key()
            return .object(try object(depth: try deeper(depth)))
        case Marker.ecmaArray:
            // The count is a hint: encoders write 0 or the wrong number.
            _ = try integer(UInt32.self)
            return .ecmaArray(try object(depth: try deeper(depth)))
        case Marker.strictArray: return .strictArray(try array(depth: try deeper(depth)))
        default: throw .unknownMarker(marker)
        }
    }

    private func deeper(_ depth: Int) throws(AMF0Error) -> Int {
        guard depth < limits.depth else { throw .tooDeep }
        return depth &+ 1
    }

    private mutating func object(depth: Int) throws(AMF0Error) -> AMF0Object {
        var object = AMF0Object()
        while rest.readableBytes > 0 {
            let key = try key()
            if rest.getInteger(at: rest.readerIndex, as: UInt8.self) == Marker.objectEnd {
                guard key.isEmpty else { throw .misplacedObjectEnd }
                rest.moveReaderIndex(forwardBy: 1)
                return object
            }
            object.properties.append(AMF0Object.Property(key: key, value: try value(depth: depth)))
        }
        return object
    }

    private mutating func array(depth: Int) throws(AMF0Error) -> [AMF0Value] {
        let count = Int(try integer(UInt32.self))  // bounded: 32 bits in 64
        // Every value takes at least a byte, so this bounds the count before anything is reserved for it.
        guard count <= rest.readableBytes else { throw .truncated }
        guard count <= limits.values else { throw .tooManyValues }
        var elements: [AMF0Value] = []
        elements.reserveCapacity(count)
        for _ in 0..<count { elements.append(try value(depth: depth)) }
        return elements
    }

    private mutating func key() throws(AMF0Error) -> String {
        let length = Int(try integer(UInt16.self))  // bounded: 16 bits
        guard length <= rest.readableBytes else { throw .truncated }
        guard length <= limits.keyBytes else { throw .keyTooLong }
        return try text(length)
    }

    private mutating func shortString() throws(AMF0Error) -> String {
        let length = Int(try integer(UInt16.self))  // bounded: 16 bits
        guard length <= limits.stringBytes else { throw .stringTooLong }
        return try text(length)
    }

    private mutating func longString() throws(AMF0Error) -> String {
        let length = Int(try integer(UInt32.self))  // bounded: 32 bits in 64
        guard length <= limits.stringBytes else { throw .stringTooLong }
        return try text(length)
    }

    /// Invalid UTF-8 is repaired with U+FFFD, which no name check lets pass.
    private mutating func text(_ length: Int) throws(AMF0Error) -> String {
        guard let text = rest.readString(length: length) else { throw .truncated }
        return text
    }

    private mutating func integer<T: FixedWidthInteger>(_: T.Type) throws(AMF0Error) -> T {
        guard let value = rest.readInteger(as: T.self) else { throw .truncated }
        return value
    }
}
