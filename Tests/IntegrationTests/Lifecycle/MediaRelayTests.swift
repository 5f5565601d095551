import NIOCore
import RelayAPI
import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

extension Integration {
    /// What is carried, and how: tracks that come late or not at all, metadata, large frames, timestamps.
    @Suite struct MediaRelayTests {
        /// Publishes by hand, on a thread.
        private final class Publisher {
            let rtmp: RTMPWire
            private let relay: RelayProcess
            private let name: String

            init(_ name: String, _ relay: RelayProcess) throws {
                self.name = name
                self.relay = relay
                rtmp = try RTMPWire(port: relay.rtmpPort)
                let code = try rtmp.publish(name)
                guard code == .publishStart else {
                    throw NotInTime("a publish; it was answered \(code.rawValue)", within: .zero)
                }
            }

            func viewer(_ query: String = "") throws -> FLVWire {
                try FLVWire(port: relay.httpPort, path: "/live/\(name).flv\(query)")
            }

            func video(_ number: UInt64, isKeyframe: Bool = false, size: Int = 500, at time: UInt32) {
                rtmp.media(9, time, SyntheticMedia.video(number, isKeyframe: isKeyframe, size: size, at: .zero))
            }

            func audio(_ number: UInt64, at time: UInt32) {
                rtmp.media(8, time, SyntheticMedia.audio(number, at: .zero))
            }
        }

        @Test("Audio alone is served from its first frame, and joins need no keyframe")
        func audioOnly() async throws {
            try await withRelay { relay in
                var options = SyntheticPublisher.Options()
                options.hasVideo = false
                let publisher = try await SyntheticPublisher.start("audio", on: relay, options)
                for way in RecordedPlayer.Way.allCases {
                    let viewer = try await RecordedPlayer.start("audio", on: relay, way)
                    try await viewer.reaches(publisher.nextNumber + 5, .audio)
                    #expect(viewer.record.lost == 0)
                    #expect(viewer.record.entries.first { $0.kind == .audio }?.isSequenceHeader == true)
                    await viewer.close()
                }
                await publisher.finish()
            }
        }

        @Test("Video alone is served")
        func videoOnly() async throws {
            try await withRelay { relay in
                var options = SyntheticPublisher.Options()
                options.hasAudio = false
                let publisher = try await SyntheticPublisher.start("video", on: relay, options)
                for way in RecordedPlayer.Way.allCases {
                    let viewer = try await RecordedPlayer.start("video", on: relay, way)
                    try await viewer.reaches(publisher.nextNumber + 5)
                    #expect(viewer.record.lost == 0 && viewer.record.numbers(.audio).isEmpty)
                    await viewer.close()
                }
                await publisher.finish()
            }
        }

        @Test("A track that comes late reaches those who watch already, and those who join later")
        func lateTracks() async throws {
            try await withRelay { relay in
                let (seen, late) = try await onThread {
                    let publisher = try Publisher("late", relay)
                    publisher.rtmp.media(8, 0, SyntheticMedia.aacHeader)
                    publisher.audio(0, at: 0)
                    let early = try publisher.viewer()
                    _ = try early.tags(through: "audio alone") { _ in true }
                    publisher.audio(1, at: 40)
                    publisher.rtmp.media(9, 80, SyntheticMedia.avcHeader)
                    publisher.video(0, isKeyframe: true, at: 80)
                    publisher.video(1, at: 120)
                    let seen = try early.tags(through: "the late video") { $0.kind == .video && stamp($0)?.number == 1 }
                    let late = try publisher.viewer().tags(through: "the late video") {
                        $0.kind == .video && stamp($0)?.number == 1
                    }
                    return (seen, late)
                }
                #expect(seen.first { $0.kind == .video }?.isSequenceHeader == true)
                #expect(late.contains { $0.kind == .audio && $0.isSequenceHeader })
                #expect(late.contains { $0.kind == .video && $0.isSequenceHeader })
            }
        }

        @Test("A new sequence header in mid-stream comes to everyone before the frames that need it")
        func codecChange() async throws {
            try await withRelay { relay in
                // The record of another encoder setting: high profile.
                let other =
                    [0x17, 0, 0, 0, 0]
                    + RTMPBytes.hex(
                        "01640028ffe1001b67640028acd940780227e5c044000003000400000300f03c60c65801000668ebe3cb22c0fdf8f800"
                    )
                let (tags, late) = try await onThread {
                    let publisher = try Publisher("change", relay)
                    publisher.rtmp.media(9, 0, SyntheticMedia.avcHeader)
                    publisher.video(0, isKeyframe: true, at: 0)
                    let viewer = try publisher.viewer()
                    publisher.rtmp.media(9, 40, other)
                    publisher.video(1, isKeyframe: true, at: 40)
                    let tags = try viewer.tags(through: "the frame after the change") { stamp($0)?.number == 1 }
                    return (tags, try publisher.viewer().tags(through: "a frame") { stamp($0) != nil })
                }
                #expect(tags.dropLast().last?.body == other)
                #expect(late.filter { $0.kind == .video && $0.isSequenceHeader }.map(\.body) == [other])
                #expect(late.last.flatMap { stamp($0) }?.number == 1)
            }
        }

        @Test("Metadata arrives without @setDataFrame, at those who watch and those who join")
        func metadata() async throws {
            try await withRelay { relay in
                let (first, second) = try await onThread {
                    let publisher = try Publisher("meta", relay)
                    publisher.rtmp.media(18, 0, SyntheticMedia.metadata)
                    publisher.rtmp.media(8, 0, SyntheticMedia.aacHeader)
                    publisher.audio(0, at: 0)
                    let viewer = try publisher.viewer()
                    let first = try viewer.tags(through: "the sequence header") { $0.kind == .audio }
                    publisher.rtmp.media(
                        18, 40,
                        RTMPBytes.amf([
                            .string("@setDataFrame"), .string("onMetaData"), .ecmaArray(["width": .number(1280)]),
                        ]))
                    let second = try viewer.tags(through: "new metadata") { $0.kind == .data }
                    return (first.first, second.last)
                }
                let values = try AMF0.decode(ByteBuffer(bytes: try #require(first).body))
                #expect(first?.kind == .data && values.first == .string("onMetaData"))
                #expect(values.dropFirst().first?.objectValue?["width"] == .number(640))
                let changed = try AMF0.decode(ByteBuffer(bytes: try #require(second).body))
                #expect(changed.dropFirst().first?.objectValue?["width"] == .number(1280))
            }
        }

        @Test(
            "Frames of 64 KiB and megabytes arrive byte for byte over every transport",
            arguments: RecordedPlayer.Way.allCases)
        func largeFrames(_ way: RecordedPlayer.Way) async throws {
            try await withRelay { relay in
                var options = SyntheticPublisher.Options()
                options.videoSize = 1_500_000
                options.interval = .milliseconds(200)
                let publisher = try await SyntheticPublisher.start("large", on: relay, options)
                let viewer = try await RecordedPlayer.start("large", on: relay, way)
                try await viewer.reaches(8, within: .seconds(20))
                #expect(viewer.record.lost == 0)
                await publisher.finish()
            }
            try await withRelay { relay in
                let sizes = [65_536, 65_537, 70_000, 200_000]
                let tags = try await onThread {
                    let publisher = try Publisher("exact", relay)
                    publisher.rtmp.media(9, 0, SyntheticMedia.avcHeader)
                    for (number, size) in sizes.enumerated() {
                        publisher.video(UInt64(number), isKeyframe: number == 0, size: size, at: UInt32(number) * 40)
                    }
                    return try publisher.viewer().tags(through: "the last frame") { stamp($0)?.number == 3 }
                }
                let sent = sizes.enumerated().map { number, size in
                    SyntheticMedia.video(UInt64(number), isKeyframe: number == 0, size: size, at: .zero)
                }
                #expect(tags.filter { stamp($0) != nil }.map(\.body) == sent)
            }
        }

        @Test(
            "Timestamps beyond 2^24 and across 2^32 stay continuous on every wire",
            arguments: RecordedPlayer.Way.allCases)
        func timestamps(_ way: RecordedPlayer.Way) async throws {
            try await withRelay { relay in
                for (index, start) in [UInt32(0xFF_FF00), 0xFFFF_FF00].enumerated() {
                    var options = SyntheticPublisher.Options()
                    options.firstTimestamp = start
                    options.keyInterval = 10
                    let publisher = try await SyntheticPublisher.start("time\(index)", on: relay, options)
                    let viewer = try await RecordedPlayer.start("time\(index)", on: relay, way)
                    try await viewer.reaches(30)
                    #expect(viewer.record.lost == 0 && viewer.record.backwards == 0)
                    let times = viewer.record.entries.filter { $0.kind == .video && $0.stamp != nil }.map(\.timestamp)
                    #expect(zip(times, times.dropFirst()).allSatisfy { $1 &- $0 == 40 })
                    #expect(times.last.map { $0 &- start >= 1_200 } == true)
                    await publisher.finish()
                }
            }
        }
    }
}
