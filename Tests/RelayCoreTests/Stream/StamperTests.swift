import NIOCore
import RelayCore
import Testing

@Suite struct StamperTests {
    /// Stamps a media message; nil and the reason when it is refused.
    private func stamp(
        _ stamper: inout Stamper, _ kind: MediaKind, _ body: ByteBuffer, at time: UInt32 = 0
    ) -> Result<Frame, Stamper.Refusal> {
        do throws(Stamper.Refusal) {
            return .success(
                try stamper.stamp(media: kind, timestamp: time, body: body, now: .milliseconds(Int64(time))))
        } catch {
            return .failure(error)
        }
    }

    private func refusal(_ result: Result<Frame, Stamper.Refusal>) -> Stamper.Refusal? {
        if case .failure(let refusal) = result { refusal } else { nil }
    }

    /// A stamper that has had both sequence headers and a keyframe.
    private func started() throws -> Stamper {
        var stamper = Stamper()
        _ = try stamp(&stamper, .video, StreamBodies.avcConfiguration).get()
        _ = try stamp(&stamper, .audio, StreamBodies.aacConfiguration).get()
        _ = try stamp(&stamper, .video, StreamBodies.key).get()
        return stamper
    }

    // MARK: What comes out

    @Test func `frame ids are consecutive from 0, whatever is refused in between`() throws {
        var stamper = try started()
        var ids: [UInt64] = []
        for time in 1...20 as ClosedRange<UInt32> {
            _ = stamp(&stamper, .video, StreamBodies.truncated, at: time)
            if case .success(let frame) = stamp(&stamper, .video, StreamBodies.inter, at: time) { ids.append(frame.id) }
            ids.append(try stamper.stamp(data: StreamBodies.metadata, isMetadata: true).id)
        }
        #expect(ids == Array(3..<43))
        #expect(stamper.framesStamped == 43)
    }

    @Test func `flags say what a frame is`() throws {
        var stamper = Stamper()
        let flags = try [
            (MediaKind.video, StreamBodies.avcConfiguration), (.audio, StreamBodies.aacConfiguration),
            (.video, StreamBodies.key), (.audio, StreamBodies.aac), (.video, StreamBodies.inter),
            (.video, StreamBodies.disposable), (.video, StreamBodies.endOfSequence),
        ].map { try stamp(&stamper, $0.0, $0.1).get().flags }
        #expect(flags == [.config, .config, .key, [], [], .disposable, []])
    }

    @Test func `the body is carried byte for byte`() throws {
        var stamper = try started()
        #expect(try stamp(&stamper, .video, StreamBodies.inter).get().body == StreamBodies.inter)
    }

    @Test func `sequence headers and data take the present and move nothing`() throws {
        var stamper = try started()
        #expect(try stamp(&stamper, .video, StreamBodies.inter, at: 500).get().dts == 500)
        #expect(try stamp(&stamper, .video, StreamBodies.avcConfiguration, at: 0).get().dts == 500)
        #expect(try stamp(&stamper, .audio, StreamBodies.aacConfiguration, at: 9_000_000).get().dts == 500)
        #expect(try stamper.stamp(data: StreamBodies.metadata, isMetadata: true).dts == 500)
        #expect(try stamp(&stamper, .video, StreamBodies.inter, at: 533).get().dts == 533)
        #expect(stamper.rebases == 0)
    }

    @Test(arguments: [
        ("000000", 0), ("000001", 1), ("ffffff", -1), ("7fffff", 8_388_607), ("800000", -8_388_608), ("ffffd8", -40),
    ])
    func `any composition time is carried as it is`(bytes: String, expected: Int32) throws {
        var stamper = try started()
        let frame = try stamp(&stamper, .video, CodecVectors.hex("2701" + bytes + "00000002 4188")).get()
        #expect(frame.cts == expected)
        // A presentation time can be made of it anywhere in the timeline.
        #expect(!frame.dts.addingReportingOverflow(Int64(frame.cts)).overflow)
    }

    @Test func `data is configuration only when it is onMetaData`() throws {
        var stamper = Stamper()
        #expect(try stamper.stamp(data: StreamBodies.metadata, isMetadata: true).flags == .config)
        #expect(try stamper.stamp(data: StreamBodies.metadata, isMetadata: false).flags == [])
        #expect(throws: Stamper.Refusal.empty) { try stamper.stamp(data: ByteBuffer(), isMetadata: true) }
        #expect(stamper.counters.empty == 1)
    }

    // MARK: What does not

    @Test func `media of a codec with a sequence header waits for it`() throws {
        var stamper = Stamper()
        #expect(refusal(stamp(&stamper, .video, StreamBodies.key)) == .beforeConfiguration)
        #expect(refusal(stamp(&stamper, .audio, StreamBodies.aac)) == .beforeConfiguration)
        #expect(stamper.counters.early == 2)
        #expect(stamper.framesStamped == 0)
        // MP3 has none.
        #expect(try stamp(&stamper, .audio, StreamBodies.mp3).get().flags == [])
    }

    @Test func `video waits for a keyframe and audio does not`() throws {
        var stamper = Stamper()
        _ = try stamp(&stamper, .video, StreamBodies.avcConfiguration).get()
        _ = try stamp(&stamper, .audio, StreamBodies.aacConfiguration).get()
        #expect(refusal(stamp(&stamper, .video, StreamBodies.inter)) == .beforeKeyframe)
        #expect(refusal(stamp(&stamper, .video, StreamBodies.disposable)) == .beforeKeyframe)
        #expect(try stamp(&stamper, .audio, StreamBodies.aac).get().kind == .audio)
        #expect(try stamp(&stamper, .video, StreamBodies.key).get().flags == .key)
        #expect(try stamp(&stamper, .video, StreamBodies.inter).get().flags == [])
        #expect(stamper.counters.early == 2)
    }

    @Test func `a stream of audio alone needs no keyframe`() throws {
        var stamper = Stamper()
        _ = try stamp(&stamper, .audio, StreamBodies.aacConfiguration).get()
        for time in 0..<100 as Range<UInt32> {
            #expect(try stamp(&stamper, .audio, StreamBodies.aac, at: time * 23).get().dts == Int64(time * 23))
        }
    }

    @Test func `empty messages are legal, counted and carry nothing`() throws {
        var stamper = try started()
        for kind in [MediaKind.video, .audio] {
            #expect(refusal(stamp(&stamper, kind, StreamBodies.empty)) == .empty)
        }
        for _ in 0..<10 { _ = stamp(&stamper, .audio, StreamBodies.empty) }
        #expect(stamper.counters == counters(empty: 12))
        #expect(!stamper.isHopeless)
    }

    @Test func `three broken messages in a row are hopeless and a good one in between forgives`() throws {
        var stamper = try started()
        for _ in 0..<2 { _ = stamp(&stamper, .video, StreamBodies.truncated) }
        _ = try stamp(&stamper, .video, StreamBodies.inter).get()
        for _ in 0..<2 {
            #expect(refusal(stamp(&stamper, .video, StreamBodies.truncated)) == .broken(.truncated))
        }
        #expect(!stamper.isHopeless)
        #expect(refusal(stamp(&stamper, .video, StreamBodies.brokenAVCConfiguration)) == .brokenConfiguration)
        #expect(stamper.isHopeless)
        #expect(stamper.counters == counters(broken: 5))
        stamper.beginSession()
        #expect(!stamper.isHopeless)
    }

    @Test func `a broken video sequence header leaves the one before in force`() throws {
        var stamper = try started()
        #expect(refusal(stamp(&stamper, .video, StreamBodies.brokenAVCConfiguration)) == .brokenConfiguration)
        #expect(try stamp(&stamper, .video, StreamBodies.inter).get().flags == [])
    }

    @Test func `an audio sequence header that nobody understands is the player's to judge`() throws {
        var stamper = Stamper()
        // Enhanced Opus with one byte where its header has nineteen.
        let odd = CodecVectors.hex("90 4f707573 00")
        #expect(try stamp(&stamper, .audio, odd).get().flags == .config)
        #expect(try stamp(&stamper, .audio, CodecVectors.hex("91 4f707573 fc")).get().flags == [])
    }

    // MARK: Tracks and sessions

    @Test func `a track that comes late starts by its own rules`() throws {
        var stamper = Stamper()
        _ = try stamp(&stamper, .audio, StreamBodies.aacConfiguration).get()
        _ = try stamp(&stamper, .audio, StreamBodies.aac, at: 10_000).get()
        #expect(refusal(stamp(&stamper, .video, StreamBodies.key, at: 10_010)) == .beforeConfiguration)
        _ = try stamp(&stamper, .video, StreamBodies.avcConfiguration, at: 10_020).get()
        #expect(refusal(stamp(&stamper, .video, StreamBodies.inter, at: 10_030)) == .beforeKeyframe)
        #expect(try stamp(&stamper, .video, StreamBodies.key, at: 10_040).get().dts == 10_040)
    }

    @Test func `a second video track needs a sequence header and a keyframe of its own`() throws {
        var stamper = try started()
        // Enhanced AVC on track 1: multitrack, one track.
        func body(_ type: String, _ payload: String) -> ByteBuffer {
            CodecVectors.hex(type + "0" + (payload == CodecVectors.avcHigh ? "0" : "1") + "61766331" + "01" + payload)
        }
        let picture = "000000 00000002 6588"
        #expect(refusal(stamp(&stamper, .video, body("96", picture))) == .beforeConfiguration)
        let configuration = try stamp(&stamper, .video, body("96", CodecVectors.avcHigh)).get()
        #expect(configuration.trackID == 1 && configuration.flags == .config)
        #expect(refusal(stamp(&stamper, .video, body("a6", picture))) == .beforeKeyframe)
        #expect(try stamp(&stamper, .video, body("96", picture)).get().flags == .key)
        // The default track has gone on without it.
        #expect(try stamp(&stamper, .video, StreamBodies.inter, at: 33).get().trackID == 0)
    }

    @Test func `a new session goes on with ids and time and begins with headers and a keyframe`() throws {
        var stamper = try started()
        _ = try stamp(&stamper, .video, StreamBodies.inter, at: 5_000).get()
        stamper.beginSession()
        #expect(refusal(stamp(&stamper, .video, StreamBodies.key, at: 0)) == .beforeConfiguration)
        #expect(try stamp(&stamper, .video, StreamBodies.avcConfiguration, at: 0).get().id == 4)
        #expect(refusal(stamp(&stamper, .video, StreamBodies.inter, at: 0)) == .beforeKeyframe)
        let key = try stamper.stamp(
            media: .video, timestamp: 0, body: StreamBodies.key, now: .milliseconds(7_000))
        #expect(key.id == 5)
        #expect(key.dts == 7_000)
        #expect(stamper.rebases == 0)
    }

    @Test func `random messages never trap and ids stay consecutive`() {
        let bodies = [
            StreamBodies.avcConfiguration, StreamBodies.brokenAVCConfiguration, StreamBodies.aacConfiguration,
            StreamBodies.key, StreamBodies.inter, StreamBodies.disposable, StreamBodies.aac, StreamBodies.empty,
            StreamBodies.truncated, StreamBodies.endOfSequence,
        ]
        for seed in 0..<50 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var stamper = Stamper()
            var expectedID: UInt64 = 0
            var seen: UInt64 = 0
            for _ in 0..<300 {
                var body = bodies[Int.random(in: 0..<bodies.count, using: &generator)]
                if Bool.random(using: &generator), body.readableBytes > 0 {
                    let index = body.readerIndex + .random(in: 0..<body.readableBytes, using: &generator)
                    body.setInteger(UInt8.random(in: 0...255, using: &generator), at: index)
                }
                let kind: MediaKind = Bool.random(using: &generator) ? .video : .audio
                let time = UInt32.random(in: 0...(.max), using: &generator)
                seen += 1
                guard case .success(let frame) = stamp(&stamper, kind, body, at: time) else { continue }
                #expect(frame.id == expectedID)
                #expect(frame.flags.isDisjoint(with: .disposable) || frame.flags.isDisjoint(with: .key))
                expectedID += 1
            }
            let counters = stamper.counters
            #expect(seen == stamper.framesStamped + counters.broken + counters.early + counters.empty)
        }
    }

    private func counters(broken: UInt64 = 0, early: UInt64 = 0, empty: UInt64 = 0) -> Stamper.Counters {
        var counters = Stamper.Counters()
        counters.broken = broken
        counters.early = early
        counters.empty = empty
        return counters
    }
}
