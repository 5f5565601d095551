import NIOCore
import RelayCore

/// SUBSCRIBE: `varint id, varint highest epoch, path (count, names), u8 start, varint a, varint b, varint c, stream`.
///
/// Start 0 = live; 1 = after (a: frame id, b and c: epoch and id of the incarnation); 2 = window (a: ms). One that this version
/// does not know is read as live.
extension LinkSubscribe {
    /// More names than any hop limit allows are not read.
    static let maximumPath = 32

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.subscribe, into: &buffer) { buffer in
            buffer.writeVarint(id)
            buffer.writeVarint(highestEpoch)
            buffer.writeVarint(UInt64(clamping: path.count))
            for node in path { buffer.writeText(node.text) }
            switch start {
            case .live: buffer.writeStart(0)
            case .after(let frameID, let incarnation):
                buffer.writeStart(1, frameID, incarnation.epoch, incarnation.id)
            case .window(let milliseconds): buffer.writeStart(2, UInt64(milliseconds))  // bounded: wider
            }
            buffer.writeText(stream.description)
        }
    }

    /// What could be read: the id is there whenever the request can be refused by it.
    enum Reading: Hashable {
        case request(LinkSubscribe)
        /// The name of the stream or of a node is not allowed, or the path is longer than is read.
        case refusable(id: UInt64, LinkRefusal)
    }

    static func read(from body: ByteBuffer) throws(LinkWireError) -> Reading {
        var fields = body
        let id = try fields.readVarint()
        let highestEpoch = try fields.readVarint()
        let count = try fields.readVarint()
        guard count <= UInt64(maximumPath) else { return .refusable(id: id, .loop) }  // bounded: a small constant
        do {
            var path: [NodeID] = []
            for _ in 0..<count { path.append(try fields.readNodeID()) }
            let kind = try fields.readByte()
            let a = try fields.readVarint()
            let b = try fields.readVarint()
            let c = try fields.readVarint()
            let start: LinkStart
            switch kind {
            case 1: start = .after(frameID: a, incarnation: Incarnation(epoch: b, id: c))
            case 2: start = .window(milliseconds: UInt32(clamping: a))
            default: start = .live
            }
            let stream = try fields.readStreamName()
            return .request(LinkSubscribe(id: id, stream: stream, start: start, path: path, highestEpoch: highestEpoch))
        } catch .badValue {
            return .refusable(id: id, .denied)
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeStart(_ kind: UInt8, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) {
        writeInteger(kind)
        writeVarint(a)
        writeVarint(b)
        writeVarint(c)
    }
}
