import NIOCore
import RelayCore
import Testing

@Suite("History of a stream, for children that change their parent")
struct StreamHistoryTests {
    private func frame(_ id: UInt64, key: Bool = false, kind: MediaKind = .video, bytes: Int = 10) -> Frame {
        Frame(
            id: id, kind: kind, dts: Int64(id) * 40, flags: key ? .key : [],
            body: ByteBuffer(repeating: 1, count: bytes))
    }

    /// GOPs of ten frames.
    private func history(of count: UInt64) -> StreamHistory {
        var history = StreamHistory()
        for id in 0..<count { history.append(frame(id, key: id % 10 == 0)) }
        return history
    }

    @Test(
        "What is behind a frame is given when all of it is held",
        arguments: [(24, []), (23, [24]), (19, [20, 21, 22, 23, 24]), (12, Array(13...24)), (9, Array(10...24))])
    func after(id: Int, expected: [Int]) {
        let found = history(of: 25).frames(after: UInt64(id))
        #expect(found?.map(\.id) == expected.map(UInt64.init))
    }

    @Test("What is not held whole is not given", arguments: [8, 0, 25, 1_000])
    func notHeld(id: UInt64) { #expect(history(of: 25).frames(after: id) == nil) }

    @Test("A new subscriber gets the GOP in progress, or an earlier keyframe within its window")
    func starts() {
        let history = history(of: 25)
        #expect(history.newestGOP.map(\.id) == [20, 21, 22, 23, 24])
        #expect(history.window(milliseconds: 600).first?.id == 10)
        #expect(history.window(milliseconds: 500).first?.id == 20)
    }

    @Test("A stream without keyframes keeps its newest seconds and has no GOP")
    func audio() {
        var history = StreamHistory()
        for id in UInt64(0)..<500 { history.append(frame(id, kind: .audio)) }
        #expect(history.newestGOP.isEmpty)
        #expect(history.frames(after: 450)?.count == 49)
        #expect(history.frames(after: 100) == nil)
    }

    @Test("Bytes are bounded, and an emptied history gives nothing")
    func bounds() {
        var history = StreamHistory(limits: GOPCache.Limits(bytes: 1_000, frames: 100, milliseconds: 10_000))
        for id in UInt64(0)..<40 { history.append(frame(id, key: id % 10 == 0, bytes: 80)) }
        #expect(history.frames(after: 25) == nil, "the GOP before would be more than the bound")
        #expect(history.newestGOP.count == 10)
        history.clear()
        #expect(history.newestGOP.isEmpty && history.frames(after: 39) == nil)
    }
}
