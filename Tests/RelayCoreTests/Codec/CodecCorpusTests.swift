import Foundation
import NIOCore
import RelayCore
import Testing

/// Replays the seeds and the past failures of the fuzz targets.
@Suite struct CodecCorpusTests {
    private func corpus(_ target: String) throws -> [(name: String, bytes: ByteBuffer)] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fuzz/Corpora").appending(path: target)
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
            .map { ($0.lastPathComponent, ByteBuffer(bytes: try Data(contentsOf: $0))) }
    }

    @Test func `bodies that the fuzzer knows neither trap nor break what is promised`() throws {
        let files = try corpus("FuzzMediaHeader")
        #expect(files.count > 50)
        for (_, bytes) in files {
            var body = bytes
            guard let first = body.readInteger(as: UInt8.self) else { continue }
            readEverything(kind: first & 1 == 1 ? .video : .audio, body: body)
        }
    }

    @Test func `records that the fuzzer knows neither trap nor break what is promised`() throws {
        let files = try corpus("FuzzCodecHeaders")
        #expect(files.count > 20)
        for (_, bytes) in files {
            var record = bytes
            guard record.readInteger(as: UInt8.self) != nil else { continue }
            for codec in [Codec.avc, .hevc, .av1, .vp8, .vp9, .aac, .opus, .flac] {
                guard let configuration = try? CodecConfiguration.parse(codec: codec, record: record) else { continue }
                expectPlausible(configuration)
            }
        }
    }
}
