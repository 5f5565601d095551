import RelayAPI
import RelayClient
import RelayCore
import RelayTestKit
import Testing

extension Integration {
    /// Where every frame went: the server's own account, and an independent count at the viewers.
    @Suite struct LedgerTests {
        @Test("The ledger balances with fast, slow, joining and leaving viewers, and healthy ones lose nothing")
        func balances() async throws {
            try await withRelay([
                "--node-threads", "2", "--viewer-drop-after", "300ms", "--viewer-skip-after", "700ms",
                "--viewer-not-sent-lowat", "4096",
            ]) { relay in
                var options = SyntheticPublisher.Options()
                options.interval = .milliseconds(20)
                options.videoSize = 40_000
                options.hasDisposables = true
                let publisher = try await SyntheticPublisher.start("ledger", on: relay, options)
                var healthy: [RecordedPlayer] = []
                for way in RecordedPlayer.Way.allCases { healthy.append(try await .start("ledger", on: relay, way)) }
                for viewer in healthy { try await viewer.reaches(5) }

                var slow = StreamPlayer.Options()
                slow.receiveBuffer = 4_096
                var stalled: [RecordedPlayer] = []
                for way in RecordedPlayer.Way.allCases + RecordedPlayer.Way.allCases {
                    let viewer = try await RecordedPlayer.start("ledger", on: relay, way, options: slow)
                    try await eventually("\(way) viewer has something") { viewer.record.count > 0 }
                    await viewer.player.pause()
                    stalled.append(viewer)
                }
                // Joins and leaves beside them.
                for round in 0..<6 {
                    let way = RecordedPlayer.Way.allCases[round % 3]
                    let viewer = try await RecordedPlayer.start("ledger", on: relay, way)
                    try await eventually("viewer \(round) plays") { viewer.record.newest(.video) != nil }
                    await viewer.close()
                }
                // What a stalled viewer misses is decided when it reads again.
                try await eventually("frames wait for slow viewers", within: .seconds(20)) {
                    try await account(relay).unsent > 600
                }
                // Some of them read again, one leaves as it is, the others stay stuck.
                for viewer in stalled.prefix(3) { await viewer.player.resume() }
                await stalled[3].close()
                try await eventually("slow viewers lose frames", within: .seconds(20)) {
                    let ledger = try await account(relay)
                    return ledger.dropped + ledger.skipped + ledger.evicted > 100
                }
                let mark = publisher.nextNumber
                for viewer in healthy { try await viewer.reaches(mark + 25) }
                await publisher.fallSilent()
                let last = publisher.nextNumber - 1
                for viewer in healthy { try await viewer.reaches(last) }
                for viewer in healthy { try await viewer.reaches(last, .audio) }

                let ledger = try await account(relay)
                #expect(
                    ledger.offered == ledger.sent + ledger.dropped + ledger.skipped + ledger.evicted + ledger.unsent)
                #expect(ledger.sent > 0 && ledger.dropped + ledger.skipped + ledger.evicted > 100)
                // Metadata, two sequence headers, and a video and an audio frame for each number.
                #expect(ledger.framesIn == 3 + 2 * publisher.nextNumber)
                for viewer in healthy {
                    let video = viewer.record.numbers(.video)
                    #expect(viewer.record.lost == 0 && viewer.record.backwards == 0)
                    #expect(video.first.map { $0 % 25 } == 0, "the first frame is no keyframe")
                    #expect(video == Array((video.first ?? 0)...last))
                }
                let viewers = try await onThread { try relay.admin.viewers(of: "live/ledger") }
                #expect(viewers.filter { $0.framesLost == 0 }.count >= healthy.count)
                await publisher.finish()
            }
        }

        private func account(_ relay: RelayProcess) async throws -> LedgerStatus {
            try await onThread { try #require(try relay.admin.stream("live/ledger")).ledger }
        }

        // MARK: Slow viewers

        @Test(
            "A viewer that stops reading for a while goes on at a keyframe with the sequence headers before it",
            arguments: RecordedPlayer.Way.allCases)
        func skips(_ way: RecordedPlayer.Way) async throws {
            try await withRelay([
                "--viewer-drop-after", "300ms", "--viewer-skip-after", "700ms", "--viewer-not-sent-lowat", "4096",
            ]) { relay in
                var options = SyntheticPublisher.Options()
                options.interval = .milliseconds(20)
                options.videoSize = 40_000
                let publisher = try await SyntheticPublisher.start("skip", on: relay, options)
                var slow = StreamPlayer.Options()
                slow.receiveBuffer = 4_096
                let viewer = try await RecordedPlayer.start("skip", on: relay, way, options: slow)
                try await viewer.reaches(10)
                await viewer.player.pause()
                let paused = publisher.nextNumber
                try await eventually("the viewer is behind for longer than its bound", within: .seconds(20)) {
                    let status = try await onThread { try relay.admin.viewers(of: "live/skip").first }
                    return publisher.nextNumber > paused + 150 && (status?.lagMs ?? 0) > 300
                }
                await viewer.player.resume()
                try await viewer.reaches(publisher.nextNumber + 30, within: .seconds(20))
                let entries = viewer.record.entries
                let gap = try #require(firstGap(in: entries), "nothing was left out")
                let next = entries[gap]
                #expect(next.stamp?.isKeyframe == true, "video went on with frame \(String(describing: next.stamp))")
                // Between the last frame before the gap and the keyframe.
                let before = entries[..<gap].lastIndex { $0.kind == .video && $0.stamp != nil } ?? 0
                let between = entries[before..<gap]
                #expect(between.contains { $0.kind == .video && $0.isSequenceHeader })
                #expect(between.contains { $0.kind == .audio && $0.isSequenceHeader })
                #expect(viewer.record.backwards == 0)
                let status = try await onThread { try relay.admin.viewers(of: "live/skip").first }
                #expect((status?.framesLost ?? 0) > 0)
                await publisher.finish()
            }
        }

        private func firstGap(in entries: [FrameRecorder.Entry]) -> Int? {
            var last: UInt64?
            for (index, entry) in entries.enumerated() where entry.kind == .video {
                guard let number = entry.stamp?.number else { continue }
                if let last, number > last + 1 { return index }
                last = number
            }
            return nil
        }

        @Test("A viewer that takes nothing at all is disconnected with a reason, and counted")
        func disconnects() async throws {
            try await withRelay([
                "--viewer-drop-after", "300ms", "--viewer-skip-after", "700ms", "--viewer-disconnect-after", "2s",
                "--viewer-not-sent-lowat", "4096",
            ]) { relay in
                var options = SyntheticPublisher.Options()
                options.videoSize = 40_000
                options.interval = .milliseconds(20)
                let publisher = try await SyntheticPublisher.start("stuck", on: relay, options)
                let healthy = try await RecordedPlayer.start("stuck", on: relay, .http)
                var stuck = StreamPlayer.Options()
                stuck.receiveBuffer = 4_096
                var viewers: [RecordedPlayer] = []
                for way in RecordedPlayer.Way.allCases {
                    let viewer = try await RecordedPlayer.start("stuck", on: relay, way, options: stuck)
                    try await eventually("\(way) viewer plays") { viewer.record.count > 0 }
                    await viewer.player.pause()
                    viewers.append(viewer)
                }
                try await eventually("all three are disconnected", within: .seconds(15)) {
                    try await onThread { try relay.admin.metrics()["relay_viewer_slow_disconnects_total"] } == 3
                }
                let left = try await onThread { try relay.admin.viewers(of: "live/stuck").count }
                #expect(left == 1)
                let rejects = try await onThread {
                    try relay.admin.metrics().filter { $0.key.contains("RLY-4005") }.map(\.value).reduce(0, +)
                }
                #expect(rejects == 3)
                #expect(healthy.record.lost == 0 && !healthy.record.isClosed)
                await publisher.finish()
            }
        }
    }
}
