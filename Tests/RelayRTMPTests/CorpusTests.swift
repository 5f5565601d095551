import Foundation
import NIOCore
import RelayCore
import RelayRTMP
import Testing

/// Replays the fuzzers' seeds and everything they ever found, and the beginnings of real clients' sessions, cut everywhere.
@Suite("Corpora and recorded sessions")
struct CorpusTests {
    static func files(_ target: String) -> [(name: String, bytes: [UInt8])] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fuzz/Corpora/\(target)")
        let urls = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return urls.sorted { $0.path < $1.path }.compactMap { url in
            (try? Data(contentsOf: url)).map { (url.lastPathComponent, Array($0)) }
        }
    }

    /// What real clients sent after the handshake; the first byte of a file is the fuzzer's.
    static let recordings = files("FuzzSession").filter { $0.name.hasSuffix("-publish") || $0.name.hasSuffix("-play") }
        .map { (name: $0.name, bytes: Array($0.bytes.dropFirst())) }

    @Test("every chunk seed decodes the same however it is fed")
    func chunks() {
        let files = Self.files("FuzzChunks")
        #expect(files.count >= 20)
        for file in files { _ = decodeEveryWay(Array(file.bytes.dropFirst())) }
    }

    @Test("every AMF seed is read and written without a trap, and what is written is read again")
    func amf() throws {
        let files = Self.files("FuzzAMF")
        #expect(files.count >= 15)
        for file in files {
            guard let values = try? AMF0.decode(buffer(file.bytes)) else { continue }
            let encoded = AMF0.encode(values)
            #expect(AMF0.encode(try AMF0.decode(encoded)) == encoded, "\(file.name)")
        }
    }

    @Test("every handshake seed gives the same whole and byte by byte")
    func handshakes() {
        let files = Self.files("FuzzHandshake").filter { $0.name.hasPrefix("server") }
        #expect(files.count >= 5)
        for file in files {
            let bytes = Array(file.bytes.dropFirst())
            let whole = try? HandshakeTests.serve(bytes)
            let singly = try? HandshakeTests.serve(bytes, feeding: .singly)
            #expect(whole?.isDone == singly?.isDone, "\(file.name)")
            #expect(whole?.kind == singly?.kind, "\(file.name)")
        }
    }

    @Test("FFmpeg's recorded handshake has a right digest")
    func ffmpegDigest() throws {
        let file = try #require(Self.files("FuzzHandshake").first { $0.name == "server-ffmpeg-digest" })
        let result = try HandshakeTests.serve(Array(file.bytes.dropFirst()))
        #expect(result.kind == .digest)
        #expect(result.isDone)
    }

    static func replay(_ bytes: [UInt8], _ feeding: Feeding = .whole) -> SessionHarness {
        var harness = SessionHarness()
        harness.feed(SessionHarness.handshake)
        for piece in feeding.pieces(bytes) {
            harness.session.receive(buffer(piece), now: harness.now)
            harness.run()
            harness.session.acceptPublish(streamID: 1, now: harness.now)
            harness.session.acceptPlay(streamID: 1, now: harness.now)
            harness.run()
        }
        return harness
    }

    @Test("recorded publishers and players get what they ask for, however their bytes arrive")
    func recorded() {
        #expect(Self.recordings.count == 6)
        for recording in Self.recordings {
            for feeding in [Feeding.whole, .singly, .random(1), .random(2)] {
                let harness = Self.replay(recording.bytes, feeding)
                #expect(harness.closeError == nil, "\(recording.name)")
                if recording.name.hasSuffix("-publish") {
                    #expect(harness.publishRequest?.name.app == "live", "\(recording.name)")
                    #expect(harness.media.contains { $0.type == 18 }, "\(recording.name)")
                } else {
                    #expect(harness.playRequest?.name.app == "live", "\(recording.name)")
                }
            }
        }
    }

    @Test("recorded sessions cut at every byte wait for more, with the beginning of what the whole gives")
    func truncated() {
        for recording in Self.recordings {
            let whole = Self.replay(recording.bytes)
            for length in stride(from: 0, to: recording.bytes.count, by: recording.bytes.count > 600 ? 3 : 1) {
                let harness = Self.replay(Array(recording.bytes.prefix(length)))
                #expect(harness.closeError == nil, "\(recording.name) cut at \(length)")
                #expect(harness.actions.count <= whole.actions.count)
                #expect(harness.media == Array(whole.media.prefix(harness.media.count)))
            }
        }
    }

    @Test("recorded sessions with one byte changed end in order or go on, and never in another stream's name")
    func damaged() {
        var generator = SplitMix(99)
        for recording in Self.recordings {
            for _ in 0..<200 {
                var bytes = recording.bytes
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[index] = UInt8.random(in: 0...255, using: &generator)
                let harness = Self.replay(bytes)
                let closes = harness.actions.filter { if case .close = $0 { true } else { false } }
                #expect(closes.count <= 1)
                if case .close? = harness.actions.last {} else { #expect(closes.isEmpty) }
            }
        }
    }
}
