import NIOCore
import RelayAPI
import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

extension Integration {
    /// Bad timestamps and media, B027-B029, B037 and B052-B060.
    @Suite(.stage("--node-threads", "2", "--publish-grace", "300ms")) struct HostileMediaTests {
        @Test("leaves everyone else alone", arguments: times + media + connections)
        func entry(_ entry: HostileEntry) async throws { try await entry.run() }

        // MARK: Timestamps

        /// Publishes frames at these times and gives the times that a viewer sees, by kind.
        private static func relay(
            _ client: HostileClient, video: [UInt32], audio: [UInt32] = []
        ) throws -> (video: [UInt32], audio: [UInt32]) {
            client.rtmp.media(9, video.first ?? 0, SyntheticMedia.avcHeader)
            client.rtmp.media(8, video.first ?? 0, SyntheticMedia.aacHeader)
            for (number, time) in video.enumerated() {
                client.rtmp.media(9, time, SyntheticMedia.video(UInt64(number), isKeyframe: number == 0, at: .zero))
                if number < audio.count {
                    client.rtmp.media(8, audio[number], SyntheticMedia.audio(UInt64(number), at: .zero))
                }
            }
            let last = UInt64(video.count - 1)
            let lastKind: UInt8 = audio.count == video.count ? 8 : 9
            let tags = try client.viewer().tags(through: "the last frame") {
                stamp($0)?.number == last && $0.kind.rawValue == lastKind
            }
            func times(_ kind: UInt8) -> [UInt32] {
                tags.filter { $0.kind.rawValue == kind && stamp($0) != nil }.map(\.timestamp)
            }
            return (times(9), times(8))
        }

        private static func isIncreasing(_ times: [UInt32]) -> Bool {
            zip(times, times.dropFirst()).allSatisfy { Int32(bitPattern: $1 &- $0) > 0 }
        }

        static let times: [HostileEntry] =
            [0xFF_FFFF, 0x7FFF_FFFF, 0xFFFF_FFFF].map { (edge: UInt32) in
                HostileEntry("B028", "timestamps across \(String(edge, radix: 16))", .publishing, .judged) { client in
                    let times = (0..<20).map { edge &- 400 &+ UInt32($0) * 40 }
                    let seen = try relay(client, video: times)
                    try client.expect(seen.video == times, "viewers saw \(seen.video)")
                }
            } + [
                HostileEntry("B028", "an encoder that wraps at 2^24", .publishing, .judged) { client in
                    let seen = try relay(client, video: (0..<20).map { (0xFF_FFFF - 400 + $0 * 40) & 0xFF_FFFF })
                    try client.expect(
                        zip(seen.video, seen.video.dropFirst()).allSatisfy { $1 &- $0 == 40 },
                        "viewers saw \(seen.video)")
                },
                HostileEntry("B028", "an encoder that wraps at 2^31", .publishing, .judged) { client in
                    let seen = try relay(client, video: (0..<20).map { (0x7FFF_FFFF - 400 + $0 * 40) & 0x7FFF_FFFF })
                    try client.expect(
                        zip(seen.video, seen.video.dropFirst()).allSatisfy { $1 &- $0 == 40 },
                        "viewers saw \(seen.video)")
                },
                HostileEntry("B029", "a jump forward of an hour", .publishing, .judged) { client in
                    try jump(client, by: 3_600_000)
                },
                HostileEntry("B029", "a jump back of an hour", .publishing, .judged) { client in
                    try jump(client, by: UInt32(bitPattern: -3_600_000))
                },
                HostileEntry("B029", "a random timestamp on every frame", .publishing, .judged) { client in
                    var random = SplitMix(seed: 29)
                    let seen = try relay(client, video: (0..<30).map { _ in UInt32(truncatingIfNeeded: random.next()) })
                    try client.expect(seen.video.count == 30 && isIncreasing(seen.video), "viewers saw \(seen.video)")
                    let rebases = try client.relay.admin.stream("live/\(client.stream)")?.timestampRebases ?? 0
                    try client.expect(rebases > 0, "no rebase was counted")
                },
                HostileEntry("B029", "all timestamps 0", .publishing, .judged) { client in
                    let zeros = [UInt32](repeating: 0, count: 20)
                    let seen = try relay(client, video: zeros, audio: zeros)
                    try client.expect(isIncreasing(seen.video) && isIncreasing(seen.audio), "viewers saw \(seen)")
                },
            ]

        /// Ten frames, a jump, ten frames: time goes on, and audio keeps its distance to video.
        private static func jump(_ client: HostileClient, by distance: UInt32) throws {
            let base: UInt32 = 7_200_000
            let video = (0..<20).map { base &+ UInt32($0) * 40 &+ ($0 < 10 ? 0 : distance) }
            let seen = try relay(client, video: video, audio: video.map { $0 &+ 13 })
            try client.expect(isIncreasing(seen.video) && isIncreasing(seen.audio), "viewers saw \(seen)")
            let skews = zip(seen.video, seen.audio).map { $1 &- $0 }
            try client.expect(skews.allSatisfy { $0 == 13 }, "audio is \(skews) behind video")
            let span = (seen.video.last ?? 0) &- (seen.video.first ?? 0)
            try client.expect(span < 5_000, "20 frames span \(span) ms")
            let rebases = try client.relay.admin.stream("live/\(client.stream)")?.timestampRebases
            try client.expect(rebases == 1, "rebases: \(String(describing: rebases))")
        }

        // MARK: Tags and codec headers

        private static let brokenAVC = RTMPBytes.hex("17 00 000000 01 64001f ff ffff")

        /// Publishes one odd video message between good frames, and expects the good frames and `comesThrough` of the odd one.
        private static func odd(
            _ client: HostileClient, type: UInt8 = 9, _ body: [UInt8], comesThrough: Bool
        ) throws {
            client.publishMedia()
            client.rtmp.media(type, 200, body)
            client.rtmp.media(9, 240, SyntheticMedia.video(5, isKeyframe: false, at: .zero))
            let tags = try client.viewer().tags(through: "the frame behind it") { stamp($0)?.number == 5 }
            let came = tags.contains { $0.body == body }
            try client.expect(came == comesThrough, "the message came through: \(came)")
        }

        /// Publishes an odd sequence header and frames; all of it has to arrive as it is.
        private static func opaque(_ client: HostileClient, _ type: UInt8, header: [UInt8]) throws {
            if type == 8 { client.rtmp.media(9, 0, SyntheticMedia.avcHeader) }
            client.rtmp.media(type, 0, header)
            for number in UInt64(0)..<5 {
                client.rtmp.media(
                    9, UInt32(number) * 40, SyntheticMedia.video(number, isKeyframe: number == 0, at: .zero))
                client.rtmp.media(8, UInt32(number) * 40, SyntheticMedia.audio(number, at: .zero))
            }
            let tags = try client.viewer().tags(through: "frame 4") { stamp($0)?.number == 4 && $0.kind == .video }
            try client.expect(tags.contains { $0.body == header }, "the sequence header did not come through")
            try client.expect(try client.rtmp.answersPing(), "the publisher was closed")
        }

        /// An AVC record around a sequence parameter set of these bytes.
        private static func avc(_ sps: [UInt8]) -> [UInt8] {
            [0x17, 0, 0, 0, 0, 1, sps.count > 1 ? sps[1] : 0, 0, 0x1F, 0xFF, 0xE1, 0, UInt8(sps.count)] + sps + [
                1, 0, 4, 0x68, 0xEB, 0xE3, 0xCB,
            ]
        }

        static let media: [HostileEntry] =
            [
                HostileEntry("B052", "a broken AVC record is dropped", .publishing, .judged) { client in
                    try odd(client, brokenAVC, comesThrough: false)
                    let broken = try client.relay.admin.stream("live/\(client.stream)")?.brokenTags
                    try client.expect(broken == 1, "broken tags: \(String(describing: broken))")
                },
                HostileEntry("B052", "three broken AVC records end the publisher", .publishing, .closes(.badMedia)) {
                    client in
                    for _ in 0..<3 { client.rtmp.media(9, 0, brokenAVC) }
                },
                HostileEntry("B054", "SPS of endless zero bits", .publishing, .judged) {
                    try opaque($0, 9, header: avc([0x67, 0x64, 0, 0x1F] + [UInt8](repeating: 0, count: 40)))
                },
                HostileEntry("B054", "SPS of all ones, profile 255", .publishing, .judged) {
                    try opaque($0, 9, header: avc([0x67] + [UInt8](repeating: 0xFF, count: 40)))
                },
                HostileEntry("B054", "SPS that is cut off in its VUI", .publishing, .judged) {
                    try opaque($0, 9, header: avc(RTMPBytes.hex("674d401eeca05017fcb8088000")))
                },
                HostileEntry("B055", "H.264 becomes HEVC, AAC becomes MP3", .publishing, .judged) { client in
                    client.publishMedia(frames: 3)
                    let viewer = try client.viewer()
                    // Legacy codec id 12 is what Chinese encoders use for HEVC.
                    let hevc = RTMPBytes.hex(
                        "1c 00 000000 0101600000009000000000003ff000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300000300"
                            + "3f959809a10001002a42010101600000030090000003000003003fa00502016965959a4932bc05a02000000300200000"
                            + "030321a2000100074401c172b46240")
                    client.rtmp.media(9, 120, hevc)
                    let key: [UInt8] = [0x1C, 1, 0, 0, 0, 0, 0, 0, 3, 0x26, 1, 0xAA]
                    client.rtmp.media(9, 120, key)
                    let mp3: [UInt8] = [0x2F, 0xFF, 0xFB, 0x90, 0x64]
                    client.rtmp.media(8, 120, mp3)
                    let tags = try viewer.tags(through: "MP3") { $0.body == mp3 }
                    let header = try #require(tags.firstIndex { $0.body == hevc })
                    let picture = try #require(tags.firstIndex { $0.body == key })
                    try client.expect(header < picture, "the keyframe came before its sequence header")
                    let late = try client.viewer().tags(through: "the HEVC keyframe") { $0.body == key }
                    try client.expect(
                        late.contains { $0.body == hevc } && !late.contains { $0.body == SyntheticMedia.avcHeader },
                        "late viewers got the old header")
                },
                HostileEntry("B056", "media before its sequence header", .publishing, .judged) { client in
                    client.rtmp.media(9, 0, SyntheticMedia.video(100, isKeyframe: true, at: .zero))
                    client.rtmp.media(8, 0, SyntheticMedia.audio(100, at: .zero))
                    client.publishMedia(timestamp: 40)
                    let tags = try client.viewer().tags(through: "frame 4") { stamp($0)?.number == 4 }
                    try client.expect(
                        !tags.contains { stamp($0)?.number == 100 }, "a frame came that nobody can decode")
                },
                HostileEntry("B056", "no keyframe ever", .publishing, .judged) { client in
                    client.rtmp.media(9, 0, SyntheticMedia.avcHeader)
                    client.rtmp.media(8, 0, SyntheticMedia.aacHeader)
                    let viewer = try client.viewer()
                    for number in UInt64(0)..<50 {
                        client.rtmp.media(
                            9, UInt32(number) * 40, SyntheticMedia.video(number, isKeyframe: false, at: .zero))
                        client.rtmp.media(8, UInt32(number) * 40, SyntheticMedia.audio(number, at: .zero))
                    }
                    let tags = try viewer.tags(through: "the last audio") { stamp($0)?.number == 49 }
                    try client.expect(
                        !tags.contains { $0.kind == .video && stamp($0) != nil }, "video came that nobody can decode")
                },
                HostileEntry("B056", "a keyframe flag on a picture that is none", .publishing, .judged) { client in
                    client.publishMedia()
                    var body = SyntheticMedia.video(5, isKeyframe: false, at: .zero)
                    body[0] = 0x17
                    client.rtmp.media(9, 200, body)
                    _ = try client.viewer().tags(through: "the frame") { stamp($0)?.number == 5 }
                },
            ]
            + ["af 00 1690", "af 00 1780000010", "af 00", "af 00 1200"].map { header in
                HostileEntry("B058", "AAC configuration \(header)", .publishing, .judged) {
                    try opaque($0, 8, header: RTMPBytes.hex(header))
                }
            } + [
                HostileEntry("B059", "unknown fourCC", .publishing, .works) { client in
                    client.publishMedia()
                    client.rtmp.media(9, 200, RTMPBytes.hex("90 7a7a7a7a 010203"))
                    client.rtmp.media(9, 240, SyntheticMedia.video(5, isKeyframe: false, at: .zero))
                    _ = try client.viewer().tags(through: "the frame behind it") { stamp($0)?.number == 5 }
                },
                HostileEntry("B059", "packet type 15", .publishing, .works) { client in
                    client.publishMedia()
                    client.rtmp.media(9, 200, RTMPBytes.hex("9f 68766331 010203"))
                    client.rtmp.media(9, 240, SyntheticMedia.video(5, isKeyframe: false, at: .zero))
                    _ = try client.viewer().tags(through: "the frame behind it") { stamp($0)?.number == 5 }
                },
                HostileEntry("B059", "255 ModEx prefixes", .publishing, .works) { client in
                    client.publishMedia()
                    let prefixes = (0..<255).flatMap { _ in RTMPBytes.hex("02 000001 07") }
                    client.rtmp.media(9, 200, [0x97] + prefixes + RTMPBytes.hex("01 68766331 00"))
                    client.rtmp.media(9, 240, SyntheticMedia.video(5, isKeyframe: false, at: .zero))
                    _ = try client.viewer().tags(through: "the frame behind it") { stamp($0)?.number == 5 }
                },
                HostileEntry("B059", "multitrack with more tracks than bytes", .publishing, .works) { client in
                    client.publishMedia()
                    client.rtmp.media(9, 200, RTMPBytes.hex("96 11 68766331 00 ffffff 01"))
                    client.rtmp.media(9, 240, SyntheticMedia.video(5, isKeyframe: false, at: .zero))
                    _ = try client.viewer().tags(through: "the frame behind it") { stamp($0)?.number == 5 }
                },
                HostileEntry("B059", "256 tracks", .publishing, .judged) { client in
                    client.publishMedia()
                    let tracks: [UInt8] = (UInt8.min ... .max).flatMap { [$0, 0, 0, 1, 0xAA] as [UInt8] }
                    client.rtmp.media(9, 200, RTMPBytes.hex("96 11 68766331") + tracks)
                    client.rtmp.media(9, 240, SyntheticMedia.video(5, isKeyframe: false, at: .zero))
                    _ = try client.viewer().tags(through: "the frame behind it") { stamp($0)?.number == 5 }
                },
                HostileEntry("B060", "composition time of -2^23", .publishing, .judged) {
                    try composition($0, [0x80, 0, 0])
                },
                HostileEntry("B060", "composition time of 2^23-1", .publishing, .judged) {
                    try composition($0, [0x7F, 0xFF, 0xFF])
                },
                HostileEntry("B060", "a message type that FLV reserves", .publishing, .judged) {
                    try odd($0, type: 13, [1, 2, 3], comesThrough: false)
                },
                HostileEntry(
                    "B060", "a video message of 8 MiB and one", .publishing, .closes(.messageTooLong),
                    RTMPBytes.header(type: 9, length: (8 << 20) + 1)),
            ]

        private static func composition(_ client: HostileClient, _ time: [UInt8]) throws {
            client.publishMedia()
            var body = SyntheticMedia.video(5, isKeyframe: false, at: .zero)
            body.replaceSubrange(2..<5, with: time)
            client.rtmp.media(9, 200, body)
            let tags = try client.viewer().tags(through: "the frame") { stamp($0)?.number == 5 }
            try client.expect(tags.last?.body == body, "the frame was changed")
        }

        // MARK: Ends of connections

        private static func isLive(_ client: HostileClient) throws -> Bool {
            try client.relay.admin.stream("live/\(client.stream)")?.summary.state == "live"
        }

        static let connections: [HostileEntry] = [
            HostileEntry("B037", "a publisher that half-closes", .publishing, .judged) { client in
                client.publishMedia()
                try poll("the stream is live") { try isLive(client) }
                client.rtmp.wire.finishSending()
                try poll("the stream is no longer live", within: .seconds(2)) { try !isLive(client) }
                try poll("the stream is gone after the grace window", within: .seconds(3)) {
                    try client.relay.admin.stream("live/\(client.stream)") == nil
                }
            },
            HostileEntry("B037", "a publisher that resets in the middle of a chunk", .publishing, .judged) { client in
                client.publishMedia()
                client.rtmp.send(RTMPBytes.header(type: 9, length: 5_000) + [UInt8](repeating: 0, count: 1_000))
                try poll("the stream is live") { try isLive(client) }
                client.rtmp.wire.reset()
                try poll("the stream is no longer live", within: .seconds(2)) { try !isLive(client) }
            },
            HostileEntry("B037", "connections that open and close at once", .raw, .judged) { client in
                // The catalogue says 100,000 in a minute; 600 as fast as they go, every third reset and every third half-closed.
                for number in 0..<600 {
                    let wire = try WireClient(port: client.relay.rtmpPort)
                    switch number % 3 {
                    case 0: wire.reset()
                    case 1: wire.finishSending()
                    default: wire.close()
                    }
                }
            },
        ]
    }
}
