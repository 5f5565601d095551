import NIOCore
import RelayCore

/// ERROR, the last message before a side closes: `varint code, text`. The only message besides hello and auth that is
/// understood before both sides have proven themselves, so that a wrong key shows in both logs.
struct LinkFarewell: Hashable {
    static let maximumTextLength = 200

    /// The number of a ``RelayCode``.
    var code: UInt32
    var text: String

    init(code: UInt32, text: String) {
        self.code = code
        self.text = LinkText.clean(text, cap: Self.maximumTextLength)
    }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.error, into: &buffer) { buffer in
            buffer.writeVarint(UInt64(code))  // bounded: wider
            buffer.writeText(text)
        }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        code = try fields.readVarint32()
        text = LinkText.clean(try fields.readText(cap: 1_024), cap: Self.maximumTextLength)
    }
}
