import RelayAPI
import RelayClient
import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

extension Integration {
    /// Publishers that come, go, return and fight, and what viewers see of it.
    @Suite struct PublishLifecycleTests {
        private static func viewers(_ name: String, _ relay: RelayProcess) async throws -> [RecordedPlayer] {
            var viewers: [RecordedPlayer] = []
            for way in RecordedPlayer.Way.allCases {
                let viewer = try await RecordedPlayer.start(name, on: relay, way)
                try await viewer.reaches(0)
                viewers.append(viewer)
            }
            return viewers
        }

        /// The viewer stayed, its time never went back, and video went on with sequence headers and a keyframe.
        private static func expectContinuity(_ viewer: RecordedPlayer, from number: UInt64) throws {
            #expect(!viewer.record.isClosed && !viewer.record.hasEnded)
            #expect(viewer.record.backwards == 0)
            let entries = viewer.record.entries
            let first = try #require(entries.firstIndex { $0.kind == .video && ($0.stamp?.number ?? 0) >= number })
            #expect(entries[first].stamp?.isKeyframe == true)
            let before = entries[..<first].lastIndex { $0.kind == .video && $0.stamp != nil } ?? 0
            let between = entries[before..<first]
            #expect(between.contains { $0.kind == .video && $0.isSequenceHeader })
            let audio = try #require(entries.firstIndex { $0.kind == .audio && ($0.stamp?.number ?? 0) >= number })
            #expect(entries[before..<audio].contains { $0.kind == .audio && $0.isSequenceHeader })
        }

        @Test("A second publisher is refused under the policy reject, and nobody notices")
        func rejects() async throws {
            try await withRelay { relay in
                let publisher = try await SyntheticPublisher.start("busy", on: relay)
                let viewer = try await RecordedPlayer.start("busy", on: relay, .http)
                try await viewer.reaches(1)
                let status = try await onThread { () -> StatusCode in
                    try RTMPWire(port: relay.rtmpPort).publish("busy")
                }
                #expect(status == .publishBadName)
                let rejects = try await onThread {
                    try relay.admin.metrics()["relay_rejects_total{transport=\"rtmp\",code=\"RLY-4002\"}"]
                }
                #expect(rejects == 1)
                try await viewer.reaches(publisher.nextNumber + 2)
                #expect(viewer.record.lost == 0)
                await publisher.finish()
            }
        }

        @Test("Under the policy takeover viewers keep their connections and the old publisher is told")
        func takesOver() async throws {
            try await withRelay(["--publish-policy", "takeover", "--node-threads", "2"]) { relay in
                let first = try await SyntheticPublisher.start("fight", on: relay)
                let viewers = try await Self.viewers("fight", relay)
                var options = SyntheticPublisher.Options()
                options.firstNumber = 100_000
                options.firstTimestamp = 5_000_000
                let second = try await SyntheticPublisher.start("fight", on: relay, options)
                let reason = await first.publisher.closed()
                guard case .refused(let code, let text)? = reason else {
                    Issue.record("the first publisher's end was \(String(describing: reason))")
                    return
                }
                #expect(code == StatusCode.publishBadName.rawValue && text.contains("RLY-4003"))
                for viewer in viewers { try await viewer.reaches(100_030) }
                for viewer in viewers { try Self.expectContinuity(viewer, from: 100_000) }
                let detail = try await onThread { try relay.admin.stream("live/fight") }
                #expect(detail?.republishes == 1 && detail?.summary.viewers == 3)
                await second.finish()
            }
        }

        @Test("A publisher that is lost and returns within the grace window continues its viewers")
        func returnsWithinGrace() async throws {
            try await withRelay(["--publish-grace", "20s", "--node-threads", "2"]) { relay in
                let first = try await SyntheticPublisher.start("return", on: relay)
                let viewers = try await Self.viewers("return", relay)
                await first.abort()
                try await eventually("the stream waits") {
                    try await onThread { try relay.admin.stream("live/return")?.summary.state } == "waiting"
                }
                // Who joins now waits with the others.
                let late = try await RecordedPlayer.start("return", on: relay, .rtmp)
                try await eventually("the late viewer is let in") { late.record.isReady }
                var options = SyntheticPublisher.Options()
                options.firstNumber = 200_000
                let second = try await SyntheticPublisher.start("return", on: relay, options)
                for viewer in viewers { try await viewer.reaches(200_030) }
                for viewer in viewers { try Self.expectContinuity(viewer, from: 200_000) }
                try await late.reaches(200_030)
                #expect(late.record.backwards == 0)
                #expect(late.record.entries.first { $0.kind == .video && $0.stamp != nil }?.stamp?.isKeyframe == true)
                await second.finish()
            }
        }

        @Test("When the grace window is over, viewers are ended and the stream is gone")
        func graceEnds() async throws {
            try await withRelay(["--publish-grace", "400ms"]) { relay in
                let publisher = try await SyntheticPublisher.start("gone", on: relay)
                let viewers = try await Self.viewers("gone", relay)
                await publisher.abort()
                for viewer in viewers {
                    try await eventually("\(viewer.way) viewer is ended") { viewer.record.hasEnded }
                    if viewer.way != .rtmp {
                        try await eventually("\(viewer.way) viewer is closed") { viewer.record.isClosed }
                    }
                    #expect(viewer.record.failure == nil)
                }
                let detail = try await onThread { try relay.admin.stream("live/gone") }
                #expect(detail == nil)
            }
        }

        @Test("A clean unpublish ends viewers at once, whatever the grace window")
        func cleanEnd() async throws {
            try await withRelay(["--publish-grace", "60s"]) { relay in
                let publisher = try await SyntheticPublisher.start("clean", on: relay)
                let viewers = try await Self.viewers("clean", relay)
                await publisher.finish()
                for viewer in viewers {
                    try await eventually("\(viewer.way) viewer is ended", within: .seconds(3)) {
                        viewer.record.hasEnded
                    }
                }
            }
        }

        @Test("A kicked publisher is told why, and its viewers are ended")
        func kicksPublisher() async throws {
            try await withRelay(["--publish-grace", "60s"]) { relay in
                let publisher = try await SyntheticPublisher.start("kick", on: relay)
                let viewers = try await Self.viewers("kick", relay)
                let status = try await onThread {
                    try relay.admin.request("DELETE", "/v1/streams/live/kick/publisher").status
                }
                #expect(status == 204)
                guard case .refused(_, let text)? = await publisher.publisher.closed() else {
                    Issue.record("the publisher was not told")
                    return
                }
                #expect(text.contains("RLY-4004"))
                for viewer in viewers {
                    try await eventually("\(viewer.way) viewer is over") {
                        viewer.record.hasEnded || viewer.record.isClosed
                    }
                }
                let again = try await onThread { try relay.admin.request("DELETE", "/v1/streams/live/kick/publisher") }
                #expect(again.status == 404 && again.problemCode == "RLY-4001")
            }
        }

        @Test("A kicked viewer is closed with a reason, and the others stay", arguments: RecordedPlayer.Way.allCases)
        func kicksViewer(_ way: RecordedPlayer.Way) async throws {
            try await withRelay { relay in
                let publisher = try await SyntheticPublisher.start("kick", on: relay)
                let stays = try await RecordedPlayer.start("kick", on: relay, .http)
                try await stays.reaches(0)
                let before = try await onThread { Set(try relay.admin.viewers(of: "live/kick").map(\.id)) }
                let kicked = try await RecordedPlayer.start("kick", on: relay, way)
                try await kicked.reaches(0)
                let id = try await onThread {
                    try relay.admin.viewers(of: "live/kick").map(\.id).first { !before.contains($0) }
                }
                let status = try await onThread { try relay.admin.request("DELETE", "/v1/viewers/\(id ?? 0)").status }
                #expect(status == 204)
                try await eventually("the kicked viewer is over") { kicked.record.isClosed || kicked.record.hasEnded }
                if way == .ws {
                    #expect(
                        kicked.record.failure
                            == .refused(
                                code: "WebSocket 1008", description: "RLY-4004 An operator closed the connection."))
                }
                try await eventually("the API does not show it") {
                    try await onThread { try relay.admin.viewers(of: "live/kick").count } == 1
                }
                try await stays.reaches(publisher.nextNumber + 2)
                #expect(stays.record.lost == 0)
                await publisher.finish()
            }
        }
    }
}
