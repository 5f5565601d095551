import RelayCore
import Testing

@Suite struct StreamHeadersTests {
    @Test func `only sequence headers and metadata leave a trace`() {
        var headers = StreamHeaders()
        headers.note(.test(0, flags: .key))
        headers.note(.test(1, .audio))
        headers.note(.test(2, .data))
        #expect(headers.isEmpty)
        #expect(headers.inOrder.isEmpty)
        #expect(headers.configuration(of: .video) == nil)
    }

    @Test func `metadata comes first, then video, then audio, whatever the order of arrival`() {
        var headers = StreamHeaders()
        headers.note(.test(0, .audio, flags: .config))
        headers.note(.test(1, .audio, track: 1, flags: .config))
        headers.note(.test(2, .video, flags: .config))
        headers.note(.test(3, .video, track: 1, flags: .config))
        headers.note(.test(4, .data, flags: .config))
        #expect(headers.inOrder.map(\.id) == [4, 2, 3, 0, 1])
    }

    @Test func `the newest of each track replaces the one before in place`() {
        var headers = StreamHeaders()
        headers.note(.test(0, .video, flags: .config))
        headers.note(.test(1, .audio, flags: .config))
        headers.note(.test(2, .data, flags: .config))
        headers.note(.test(3, .video, flags: .config))
        headers.note(.test(4, .data, flags: .config))
        #expect(headers.inOrder.map(\.id) == [4, 3, 1])
        #expect(headers.metadata?.id == 4)
    }

    @Test func `the default track answers for its kind, and any other if there is none`() {
        var headers = StreamHeaders()
        headers.note(.test(0, .video, track: 2, flags: .config))
        #expect(headers.configuration(of: .video)?.id == 0)
        headers.note(.test(1, .video, track: 0, flags: .config))
        #expect(headers.configuration(of: .video)?.id == 1)
        #expect(headers.configuration(of: .audio) == nil)
    }

    @Test func `the number of tracks is bounded and known ones are still renewed`() {
        var headers = StreamHeaders()
        for track in 0...UInt8.max { headers.note(.test(UInt64(track), .audio, track: track, flags: .config)) }
        #expect(headers.configurations.count == StreamHeaders.maximumTracks)
        headers.note(.test(1_000, .audio, track: 3, flags: .config))
        #expect(headers.configurations.map(\.id).contains(1_000))
        #expect(headers.configurations.count == StreamHeaders.maximumTracks)
    }

    @Test func `a new publisher starts from nothing`() {
        var headers = StreamHeaders()
        headers.note(.test(0, .audio, flags: .config))
        headers.note(.test(1, .data, flags: .config))
        headers.clear()
        #expect(headers.isEmpty)
    }
}
