package import NIOCore

extension AMF0 {
    /// Appends values in wire form. A property name beyond 65,535 bytes is cut; a longer string becomes a long string.
    package static func encode(_ values: [AMF0Value], into buffer: inout ByteBuffer) {
        for value in values { encode(value, into: &buffer) }
    }

    /// The wire form of values in a buffer of its own.
    package static func encode(_ values: [AMF0Value]) -> ByteBuffer {
        var buffer = ByteBuffer()
        encode(values, into: &buffer)
        return buffer
    }

    /// Appends one value.
    package static func encode(_ value: AMF0Value, into buffer: inout ByteBuffer) {
        switch value {
        case .number(let number):
            buffer.writeMultipleIntegers(0x00 as UInt8, number.bitPattern)
        case .boolean(let flag):
            buffer.writeMultipleIntegers(0x01 as UInt8, (flag ? 1 : 0) as UInt8)
        case .string(let text):
            if text.utf8.count <= Int(UInt16.max) {  // bounded: constant
                buffer.writeInteger(0x02 as UInt8)
                writeKey(text, into: &buffer)
            } else {
                buffer.writeInteger(0x0C as UInt8)
                writeLong(text, into: &buffer)
            }
        case .object(let object):
            buffer.writeInteger(0x03 as UInt8)
            writeProperties(object, into: &buffer)
        case .null: buffer.writeInteger(0x05 as UInt8)
        case .undefined: buffer.writeInteger(0x06 as UInt8)
        case .ecmaArray(let object):
            buffer.writeMultipleIntegers(0x08 as UInt8, UInt32(clamping: object.properties.count))
            writeProperties(object, into: &buffer)
        case .strictArray(let elements):
            buffer.writeMultipleIntegers(0x0A as UInt8, UInt32(clamping: elements.count))
            encode(elements, into: &buffer)
        case .date(let milliseconds, let timeZone):
            buffer.writeMultipleIntegers(0x0B as UInt8, milliseconds.bitPattern, timeZone)
        case .unsupported: buffer.writeInteger(0x0D as UInt8)
        case .xmlDocument(let text):
            buffer.writeInteger(0x0F as UInt8)
            writeLong(text, into: &buffer)
        }
    }

    private static func writeProperties(_ object: AMF0Object, into buffer: inout ByteBuffer) {
        for property in object.properties {
            writeKey(property.key, into: &buffer)
            encode(property.value, into: &buffer)
        }
        buffer.writeMultipleIntegers(0 as UInt16, 0x09 as UInt8)
    }

    private static func writeKey(_ text: String, into buffer: inout ByteBuffer) {
        let bytes = text.utf8.prefix(Int(UInt16.max))  // bounded: constant
        buffer.writeInteger(UInt16(clamping: bytes.count))
        buffer.writeBytes(bytes)
    }

    private static func writeLong(_ text: String, into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(clamping: text.utf8.count))
        buffer.writeString(text)
    }
}
