import NIOCore
import RelayCore
import RelayRTMP

/// Input: one byte that says into how long pieces the rest is cut, then chunks. Whole and in pieces must give the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = bytes.first else { return 0 }
    let chunks = bytes.dropFirst()
    let whole = decode([ByteBuffer(bytes: chunks)])
    let step = Int(first) + 1
    let pieces = stride(from: chunks.startIndex, to: chunks.endIndex, by: step).map {
        ByteBuffer(bytes: chunks[$0..<min(chunks.endIndex, $0 + step)])
    }
    let cut = decode(pieces)
    if cut.messages != whole.messages || cut.error != whole.error {
        fatalError("pieces of \(step) gave something else")
    }
    return 0
}

private func decode(_ pieces: [ByteBuffer]) -> (messages: [RTMPMessage], error: RTMPError?) {
    var decoder = ChunkDecoder()
    var messages: [RTMPMessage] = []
    var given = 0
    for piece in pieces {
        given += piece.readableBytes
        decoder.append(piece)
        do {
            while let message = try decoder.next(now: .zero) { messages.append(message) }
        } catch {
            return (messages, error)
        }
        if decoder.bufferedBytes > given { fatalError("more is held than was given") }
    }
    return (messages, nil)
}
