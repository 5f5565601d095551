import NIOCore
import RelayCore
import RelayFLV

/// Input: an FLV byte stream. It must read the same whole and in pieces, and what was read must write and read back.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    let whole = read(bytes, piece: max(count, 1))
    let pieces = read(bytes, piece: count % 13 + 1)
    guard whole.items == pieces.items, whole.error == pieces.error, whole.mismatches == pieces.mismatches else {
        fatalError("the pieces matter")
    }

    var written = ByteBuffer()
    for item in whole.items {
        switch item {
        case .header(let header): header.encode(into: &written)
        case .tag(let kind, let timestamp, let body):
            FLVTagEncoder.write(kind: kind, timestamp: timestamp, body: body, into: &written)
        }
    }
    let again = read(written, piece: max(written.readableBytes, 1))
    guard again.items == whole.items, again.error == nil, again.mismatches == 0 else { fatalError("not written back") }
    return 0
}

private func read(_ bytes: ByteBuffer, piece: Int) -> (items: [FLVItem], error: FLVError?, mismatches: Int) {
    var reader = FLVReader()
    var items: [FLVItem] = []
    var rest = bytes
    do throws(FLVError) {
        while rest.readableBytes > 0, let part = rest.readSlice(length: min(piece, rest.readableBytes)) {
            reader.append(part)
            while let item = try reader.next() { items.append(item) }
        }
        return (items, nil, reader.mismatchedFields)
    } catch {
        return (items, error, reader.mismatchedFields)
    }
}
