import Foundation
import NIOCore
import RelayCore
import Testing

@testable import RelayLink

/// Replays the fuzzer's seeds and everything it ever found.
@Suite struct CorpusTests {
    struct File: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
    }

    static let files: [File] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fuzz/Corpora/FuzzLink")
        let urls = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return urls.sorted { $0.path < $1.path }.compactMap { url in
            (try? Data(contentsOf: url)).map { File(testDescription: url.lastPathComponent, bytes: Array($0)) }
        }
    }()

    @Test func thereAreSeeds() { #expect(Self.files.count >= 14) }

    @Test("a seed says the same whole and byte by byte", arguments: files)
    func seed(_ file: File) {
        let whole = run(file.bytes, piece: max(file.bytes.count, 1))
        #expect(run(file.bytes, piece: 1) == whole)
        #expect(run(file.bytes, piece: 7) == whole)
        #expect(whole.last?.hasPrefix("close") == true)
    }

    /// As the fuzzer does: the first byte says whether the handshake is done; the peer is called `e1`.
    private func run(_ bytes: [UInt8], piece: Int) -> [String] {
        let isOpen = (bytes.first ?? 0) & 1 == 1
        var session = LinkSession(
            role: .listener, settings: .named("m", key: isOpen ? "" : "k"), crypto: .fixed(1), now: .zero)
        var said: [String] = []
        func pull(_ now: MonotonicTime) {
            for action in session.pull(now) {
                if case .frames(let id, let frames) = action {
                    said += frames.map { "frame \(id) \($0.id)" }
                } else {
                    said.append(action.text)
                }
            }
        }
        if isOpen {
            var peer = LinkSession(role: .dialer, settings: .named("e1", key: ""), crypto: .fixed(2), now: .zero)
            peer.start(now: .zero)
            session.receive(peer.said(), now: .zero)
            pull(.zero)
        }
        for id in 1...3 as ClosedRange<UInt64> {
            session.subscribe(.to("a/b", id: id, path: ["m"]))
            session.query(id, stream: name("a/b"))
        }
        let rest = Array(bytes.dropFirst())
        for begin in stride(from: 0, to: rest.count, by: piece) {
            session.receive(ByteBuffer(bytes: rest[begin..<min(rest.count, begin + piece)]), now: .zero)
            pull(.zero)
        }
        var now = MonotonicTime.zero
        while let next = session.nextDeadline, now < .at(.seconds(60)) {
            now = max(now, next)
            session.timerFired(now: now)
            pull(now)
            _ = session.takeOutput(limit: 1 << 16, now: now)
        }
        return said
    }
}
