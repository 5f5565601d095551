/// One reply of Redis (RESP2, <https://redis.io/docs/latest/develop/reference/protocol-spec/>).
package enum RESPValue: Hashable, Sendable {
    /// `$-1` and `*-1`.
    case null
    case integer(Int64)
    /// `+OK`.
    case status(String)
    /// `-ERR …`, without the minus sign.
    case error(String)
    /// A bulk string.
    case bytes([UInt8])
    case array([RESPValue])

    /// The text of a bulk string or status; nil for anything else. Bytes that are no UTF-8 become replacement characters.
    package var text: String? {
        switch self {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        case .null, .integer, .error, .array: nil
        }
    }

    /// The number of an integer reply, or of a bulk string of digits.
    package var integer: Int64? {
        if case .integer(let value) = self { return value }
        return text.flatMap { Int64($0) }
    }

    /// The members of an array; nil for anything else.
    package var array: [RESPValue]? {
        if case .array(let values) = self { return values }
        return nil
    }
}

/// How much of a reply is accepted. A server that sends more is broken or hostile, and the connection ends.
package struct RESPLimits: Hashable, Sendable {
    /// One bulk string, bytes. Our largest record is a few kB.
    package var bulk = 1 << 20
    /// A status or error line, bytes.
    package var line = 1 << 16
    /// A whole reply, bytes: a page of ``RedisRegistry`` with records of the largest size is below it.
    package var reply = 8 << 20
    /// Arrays within arrays: what hiredis can hold, too (`redisReader.rstack`).
    package var depth = 8
    /// Values of all arrays of one reply together.
    package var elements = 1 << 16

    package init() {}
}

/// Why bytes are not an acceptable reply.
package enum RESPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The first byte of a value is none of `+-:$*`; RESP3 types belong here, since we never ask for them.
    case unknownType(UInt8)
    /// A length or number that is none, or below -1.
    case badNumber
    /// A bulk string that does not end in CR LF, or a line feed without its carriage return.
    case badEnding
    case bulkTooLong, lineTooLong, replyTooLong, tooDeep, tooManyElements
    /// hiredis refused what the limits let pass.
    case unreadable(String)

    package var description: String {
        switch self {
        case .unknownType(let byte): "a reply begins with byte \(byte), which no RESP2 type does"
        case .badNumber: "a length or number in a reply is not valid"
        case .badEnding: "a part of a reply does not end in CR LF"
        case .bulkTooLong: "a value in a reply is too long"
        case .lineTooLong: "a line of a reply is too long"
        case .replyTooLong: "a reply is too long"
        case .tooDeep: "a reply is nested too deeply"
        case .tooManyElements: "a reply has too many elements"
        case .unreadable(let text): "a reply cannot be read: \(text)"
        }
    }
}
