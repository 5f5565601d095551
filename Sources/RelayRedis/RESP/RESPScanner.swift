import NIOCore

/// Finds the end of a reply and holds it to the limits before hiredis sees a byte of it, since hiredis allocates what a
/// header announces. Remembers how far it came, so bytes that trickle in are looked at once.
struct RESPScanner {
    private let limits: RESPLimits
    /// Bytes of the reply that are done with, from its first byte.
    private var position = 0
    /// Bytes of the present line known to hold no line feed.
    private var scanned = 0
    /// Length of the bulk string whose header is done; nil when a header comes next.
    private var bulk: Int?
    /// Values still to come, by depth.
    private var open: [Int] = []
    private var elements = 0

    /// Longest header line of a number: a sign and 19 digits, with type and CR.
    private static let longestNumberLine = 22

    init(limits: RESPLimits) { self.limits = limits }

    /// Looks at the bytes from `buffer`'s reader index, where the reply begins.
    ///
    /// - Returns: The length of the reply once it is whole; the scanner then begins a new one. nil = more bytes are needed.
    mutating func scan(_ buffer: ByteBuffer) throws(RESPError) -> Int? {
        let view = buffer.readableBytesView
        while true {
            if let length = bulk {
                let end = position + length + 2
                guard view.count >= end else { return nil }
                guard byte(view, end - 2) == UInt8(ascii: "\r"), byte(view, end - 1) == UInt8(ascii: "\n") else {
                    throw .badEnding
                }
                bulk = nil
                position = end
                guard !finishesReply() else { return restart() }
                continue
            }
            guard let type = byte(view, position) else { return nil }
            guard let line = try line(view, type) else { return nil }
            if try finishes(type, line) { return restart() }
            guard position <= limits.reply else { throw .replyTooLong }
        }
    }

    /// The line at `position` without its ending, which is consumed; nil when it is not there yet.
    private mutating func line(_ view: ByteBufferView, _ type: UInt8) throws(RESPError) -> ByteBufferView? {
        let longest: Int
        switch type {
        case UInt8(ascii: "+"), UInt8(ascii: "-"): longest = limits.line
        case UInt8(ascii: ":"), UInt8(ascii: "$"), UInt8(ascii: "*"): longest = Self.longestNumberLine
        default: throw .unknownType(type)
        }
        let start = view.startIndex + position
        guard let end = view[(start + scanned)...].firstIndex(of: UInt8(ascii: "\n")) else {
            scanned = view.endIndex - start
            guard scanned <= longest else { throw longest == limits.line ? .lineTooLong : .badNumber }
            return nil
        }
        let length = end - start
        guard length <= longest else { throw longest == limits.line ? .lineTooLong : .badNumber }
        guard length >= 2, view[end - 1] == UInt8(ascii: "\r") else { throw .badEnding }
        scanned = 0
        position += length + 1
        return view[(start + 1)..<(end - 1)]
    }

    /// Takes a header in; whether it ends the reply.
    private mutating func finishes(_ type: UInt8, _ line: ByteBufferView) throws(RESPError) -> Bool {
        if type == UInt8(ascii: "+") || type == UInt8(ascii: "-") { return finishesReply() }
        // hiredis takes no plus sign and no leading zeros; neither does Redis send any.
        let text = String(decoding: line, as: UTF8.self)
        guard let number = Int64(text), "\(number)" == text else { throw .badNumber }
        switch type {
        case UInt8(ascii: "$"):
            guard number >= -1 else { throw .badNumber }
            guard let length = Int(exactly: number), length <= limits.bulk else { throw .bulkTooLong }
            guard length >= 0 else { return finishesReply() }
            guard position + length + 2 <= limits.reply else { throw .replyTooLong }
            bulk = length
            return false
        case UInt8(ascii: "*"):
            guard number >= -1 else { throw .badNumber }
            guard open.count < limits.depth else { throw .tooDeep }
            guard let count = Int(exactly: number), count <= limits.elements - elements else { throw .tooManyElements }
            guard count > 0 else { return finishesReply() }
            elements += count
            open.append(count)
            return false
        default:
            return finishesReply()
        }
    }

    /// Counts a finished value into the arrays around it.
    private mutating func finishesReply() -> Bool {
        while let left = open.popLast() {
            if left > 1 {
                open.append(left - 1)
                return false
            }
        }
        return true
    }

    private mutating func restart() -> Int {
        defer { self = RESPScanner(limits: limits) }
        return position
    }

    private func byte(_ view: ByteBufferView, _ offset: Int) -> UInt8? {
        offset < view.count ? view[view.startIndex + offset] : nil
    }
}
