import Foundation
import NIOCore
import RelayCore
import RelayFLV

/// Bytes that the FLV tests share.
enum FLVVectors {
    /// A buffer with the bytes of a hexadecimal text, spaces ignored, not beginning at index 0.
    static func hex(_ text: String) -> ByteBuffer {
        var buffer = ByteBuffer(bytes: [0xde, 0xad, 0xbe, 0xef])
        buffer.moveReaderIndex(forwardBy: 4)
        let digits = text.compactMap(\.hexDigitValue)
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            buffer.writeInteger(UInt8(truncatingIfNeeded: digits[index] << 4 | digits[index + 1]))
        }
        return buffer
    }

    /// The bytes of a buffer as a hexadecimal text without spaces.
    static func text(_ buffer: ByteBuffer) -> String {
        buffer.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Tests/Fuzz/Corpora, where seeds and past failures of the fuzz targets are kept.
    static var corpora: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fuzz/Corpora")
    }

    /// The files of one fuzz target's corpus, in order of their names.
    static func corpus(_ target: String) throws -> [(name: String, bytes: ByteBuffer)] {
        try FileManager.default.contentsOfDirectory(
            at: corpora.appending(path: target), includingPropertiesForKeys: nil
        )
        .sorted { $0.lastPathComponent < $1.lastPathComponent }
        .map { ($0.lastPathComponent, ByteBuffer(bytes: try Data(contentsOf: $0))) }
    }

    /// A file made by ffmpeg: 64x48 H.264 with B-frames and a keyframe each 10 frames at 25/s, AAC, metadata.
    static func recordedFile() throws -> ByteBuffer {
        ByteBuffer(bytes: try Data(contentsOf: corpora.appending(path: "FuzzFLV/avc-aac.flv")))
    }

    /// Everything that a reader finds in `bytes`, given in pieces of at most `piece` bytes.
    static func items(
        in bytes: ByteBuffer, piece: Int = .max, limits: FLVReader.Limits = .init()
    ) throws -> (items: [FLVItem], reader: FLVReader) {
        var reader = FLVReader(limits: limits)
        var items: [FLVItem] = []
        var rest = bytes
        while let part = rest.readSlice(length: min(piece, rest.readableBytes)), part.readableBytes > 0 {
            reader.append(part)
            while let item = try reader.next() { items.append(item) }
        }
        return (items, reader)
    }
}
