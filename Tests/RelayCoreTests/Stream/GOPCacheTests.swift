import RelayCore
import Testing

@Suite struct GOPCacheTests {
    private func cache(bytes: Int = 1_000, frames: Int = 100, milliseconds: Int64 = 1_000) -> GOPCache {
        GOPCache(limits: GOPCache.Limits(bytes: bytes, frames: frames, milliseconds: milliseconds))
    }

    @Test func `nothing is held before the first keyframe`() {
        var cache = cache()
        cache.append(.test(0, flags: .config))
        cache.append(.test(1, .audio))
        cache.append(.test(2))
        #expect(cache.frames.isEmpty && cache.bytes == 0 && cache.milliseconds == 0)
        #expect(cache.state == .waitingForKeyframe)
    }

    @Test func `a stream of audio alone holds nothing`() {
        var cache = cache()
        for id in 0..<500 as Range<UInt64> { cache.append(.test(id, .audio, dts: Int64(id) * 23)) }
        #expect(cache.frames.isEmpty)
        #expect(cache.state == .waitingForKeyframe)
    }

    @Test func `it holds everything from the newest keyframe on, in order`() {
        var cache = cache()
        for id in 0..<30 as Range<UInt64> {
            let kind: MediaKind = id % 3 == 1 ? .audio : .video
            cache.append(
                .test(
                    id, kind, dts: Int64(id), flags: id % 12 == 0 ? .key : id % 7 == 0 && kind == .video ? .config : [])
            )
        }
        #expect(cache.frames.map(\.id) == Array(24..<30))
        #expect(cache.bytes == 60)
        #expect(cache.milliseconds == 5)
        #expect(cache.state == .holding)
    }

    @Test func `a keyframe of another track does not start a GOP`() {
        var cache = cache()
        cache.append(.test(0, track: 1, flags: .key))
        #expect(cache.frames.isEmpty)
        cache.append(.test(1, flags: .key))
        cache.append(.test(2, track: 1, flags: .key))
        #expect(cache.frames.map(\.id) == [1, 2])
    }

    @Test(arguments: [(1_000, 10_000, 1_000_000), (1_000_000, 100, 1_000_000), (1_000_000, 10_000, 990)])
    func `each bound is allowed to be reached and a GOP past it is given up whole`(
        bytes: Int, frames: Int, milliseconds: Int64
    ) {
        var cache = cache(bytes: bytes, frames: frames, milliseconds: milliseconds)
        // The hundredth frame reaches every one of the three bounds exactly.
        for id in 0..<100 as Range<UInt64> { cache.append(.test(id, dts: Int64(id) * 10, flags: id == 0 ? .key : [])) }
        #expect(cache.frames.count == 100)
        cache.append(.test(100, dts: 1_000))
        #expect(cache.frames.isEmpty && cache.bytes == 0 && cache.milliseconds == 0)
        #expect(cache.state == .gaveUp)
    }

    @Test func `after a GOP without end the next keyframe starts anew`() {
        var cache = cache()
        cache.append(.test(0, flags: .key))
        // Ten hours of three frames a second.
        for id in 1..<108_000 as Range<UInt64> {
            cache.append(.test(id, dts: Int64(id) * 333, size: 0))
            if cache.frames.count > 100 {
                Issue.record("\(cache.frames.count) frames held")
                return
            }
        }
        #expect(cache.state == .gaveUp)
        cache.append(.test(108_000, dts: 108_000 * 333, flags: .key))
        #expect(cache.frames.map(\.id) == [108_000])
        #expect(cache.state == .holding)
    }

    @Test func `a keyframe larger than the bound is not held`() {
        var cache = cache()
        cache.append(.test(0, flags: .key, size: 1_001))
        #expect(cache.frames.isEmpty)
        #expect(cache.state == .gaveUp)
    }

    @Test func `a new publisher starts from nothing`() {
        var cache = cache()
        cache.append(.test(0, flags: .key))
        cache.clear()
        cache.append(.test(1))
        #expect(cache.frames.isEmpty && cache.bytes == 0)
        #expect(cache.state == .waitingForKeyframe)
    }
}
