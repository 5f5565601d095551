import NIOEmbedded
import RelayCore
import Testing

@testable import RelayNode

/// What the fan-out counts for the node's reports.
@Suite struct JoinSignalTests {
    private func firstFrames(_ harness: HubHarness) -> Double? {
        FirstFrameTimes.percentile(1, of: [harness.fanout.meter.firstFrames])
    }

    @Test func `every viewer that was taken in leaves once, however it goes`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewers = try (0..<4).map { _ in try harness.view(hub) }
        #expect(harness.fanout.meter.joins == 4)
        #expect(harness.fanout.meter.leaves == 0)
        viewers[0].leave()
        viewers[0].leave()
        viewers[1].end(.kicked)
        // In the middle of a write.
        viewers[2].breakAtNextFlush()
        viewers[2].block()
        harness.send([.largeInter(300_000), .inter], hub, from: publisher)
        viewers[2].unblock()
        hub.end(.streamEnded)
        harness.loop.run()
        #expect(harness.fanout.meter.joins == 4)
        #expect(harness.fanout.meter.leaves == 4)
    }

    @Test func `a viewer that never was taken in does not leave`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub) { $0.acceptsCodecs = false }
        viewer.leave()
        #expect(harness.fanout.meter.joins == 0)
        #expect(harness.fanout.meter.leaves == 0)
        #expect(firstFrames(harness) == nil)
    }

    @Test func `the first frame of a viewer is timed when it comes with the cached GOP`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key, .inter], hub, from: publisher)
        try harness.view(hub)
        #expect(firstFrames(harness) != nil)
    }

    @Test(arguments: [WireForm.flvAll, .webSocketAll, .rtmpAll])
    func `the first frame of a viewer is timed when it comes later`(form: WireForm) throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start, hub, from: publisher)
        let viewer = try harness.view(hub, form)
        _ = try viewer.received()
        #expect(firstFrames(harness) == nil, "headers are no media")
        harness.send([.inter], hub, from: publisher)
        #expect(firstFrames(harness) == nil, "nothing is sent before the first keyframe")
        harness.send([.key], hub, from: publisher)
        #expect(try viewer.received() == "k")
        #expect(firstFrames(harness) != nil)
    }

    @Test func `a viewer that leaves before its first frame is not timed`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start, hub, from: publisher)
        let viewer = try harness.view(hub)
        viewer.leave()
        harness.send([.key], hub, from: publisher)
        #expect(firstFrames(harness) == nil)
    }

    @Test func `a join fails when the cluster does not bring the stream, and not for the player's reasons`() {
        let meter = FanoutMeter()
        for code in [RelayCode.streamNotFound, .streamEnded, .codecRefused, .kicked, .draining, .tooManyMessageStreams]
        {
            meter.noteFailedJoin(code)
        }
        #expect(meter.joinFailures == 0)
        for code in [RelayCode.sourceLost, .registryAway] { meter.noteFailedJoin(code) }
        #expect(meter.joinFailures == 2)
    }
}
