import NIOCore
import NIOEmbedded
import RelayAPI
import RelayCore
import Testing

@testable import RelayNode

/// Gathering, idling and the handover from hub to replica.
@Suite struct ReplicaTests {
    @Test func `with an interval frames are gathered and go out together when it is over`() throws {
        let harness = try HubHarness(flush: .fixed(.milliseconds(100)))
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub, .webSocketAll)
        harness.send([.key], hub, from: publisher)
        _ = try viewer.arrived()
        for _ in 0..<5 { harness.send([.inter, .audio], hub, from: publisher) }
        #expect(try viewer.arrived().readableBytes == 0)
        harness.loop.advanceTime(by: .milliseconds(100))
        let messages = try WireUnit.readWebSocket(viewer.arrived())
        #expect(messages.count == 1)
        harness.checkLedger()
    }

    @Test func `a keyframe or a header goes out at once with all that waited`() throws {
        for urgent in [Media.key, .videoHeader, .audioHeader, .metadata] {
            let harness = try HubHarness(flush: .fixed(.milliseconds(100)))
            let (hub, publisher) = try #require(try harness.publish())
            harness.send(Media.start + [.key], hub, from: publisher)
            let viewer = try harness.view(hub)
            harness.send([.key], hub, from: publisher)
            _ = try viewer.arrived()
            harness.send([.inter, .audio], hub, from: publisher)
            harness.send([urgent], hub, from: publisher)
            #expect(try viewer.received() == "pa" + urgent.mark)
            // Nothing is left for the timer.
            harness.loop.advanceTime(by: .seconds(1))
            #expect(try viewer.arrived().readableBytes == 0)
        }
    }

    @Test func `a viewer that joins between two flushes gets each frame once`() throws {
        let harness = try HubHarness(flush: .fixed(.milliseconds(100)))
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let first = try harness.view(hub)
        harness.send([.key], hub, from: publisher)
        harness.send([.inter, .audio], hub, from: publisher)
        let second = try harness.view(hub, .rtmpAll)
        let third = try harness.view(hub)
        harness.loop.advanceTime(by: .milliseconds(100))
        #expect(try first.received() == "MVAkkpa")
        #expect(try second.received() == "MVAkpa")
        #expect(try third.received() == "MVAkpa")
        harness.checkLedger()
    }

    @Test func `frames that wait when the last viewer leaves stay before those that follow`() throws {
        let harness = try HubHarness(flush: .fixed(.milliseconds(100)))
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub)
        harness.send([.key], hub, from: publisher)
        harness.send([.inter], hub, from: publisher)
        let replica = try #require(viewer.replica)
        viewer.leave()
        replica.sweep(now: .now())
        harness.send([.audio, .disposable], hub, from: publisher)
        harness.loop.advanceTime(by: .milliseconds(100))
        let late = try harness.view(hub)
        #expect(try late.received() == "MVAkpab")
    }

    @Test func `a stream that ends sends what waited first`() throws {
        let harness = try HubHarness(flush: .fixed(.milliseconds(100)))
        let (hub, publisher) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        harness.send(Media.start + [.key], hub, from: publisher)
        harness.send([.inter, .audio], hub, from: publisher)
        hub.lose(publisher: publisher.id, isClean: true)
        #expect(try viewer.received() == "MVAkpa")
        #expect(viewer.endings == [.streamEnded])
    }

    @Test func `a replica idles from when its last viewer left, and not while one is there`() throws {
        let harness = try HubHarness()
        let (hub, _) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        let replica = try #require(viewer.replica)
        #expect(replica.idleSince == nil)
        replica.sweep(now: .now())
        #expect(replica.idleSince == nil)
        viewer.leave()
        let since = try #require(replica.idleSince)
        replica.sweep(now: .now() + .seconds(5))
        #expect(replica.idleSince == since)
        _ = try harness.view(hub)
        #expect(replica.idleSince == nil)
    }

    @Test func `what a feed's viewers got is still counted when the feed has gone`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewers = try [WireForm.flvAll, .rtmpAll].map { try harness.view(hub, $0) }
        harness.send([.inter, .audio], hub, from: publisher)
        let before = harness.fanout.ledger
        #expect(before == LossLedger(offered: 6, sent: 6))
        let replica = try #require(viewers.first?.replica)
        for viewer in viewers { viewer.leave() }
        replica.sweep(now: .now())
        #expect(harness.fanout.ledger == before)
        hub.lose(publisher: hub.detail(viewers: 0, ledger: before, now: .now()).publisher?.id ?? 0, isClean: true)
        #expect(harness.fanout.ledger == before)
    }

    @Test func `a viewer can be found by its id until it leaves`() throws {
        let harness = try HubHarness()
        let (hub, _) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        #expect(harness.fanout.viewer(id: viewer.id)?.id == viewer.id)
        viewer.leave()
        #expect(harness.fanout.viewer(id: viewer.id) == nil)
    }
}
