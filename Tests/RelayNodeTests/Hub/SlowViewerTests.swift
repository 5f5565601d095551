import NIOCore
import NIOEmbedded
import RelayCore
import Testing

@testable import RelayNode

/// Viewers whose connection is slow, breaks, or closes at the worst moment.
@Suite struct SlowViewerTests {
    @Test(arguments: [WireForm.flvAll, .webSocketAll, .rtmpAll])
    func `a viewer that is blocked for a while gets the rest afterwards, in order and whole`(form: WireForm) throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub, form)
        viewer.block()
        var expected = "MVAk"
        for _ in 0..<20 {
            harness.send([.inter, .audio], hub, from: publisher)
            expected += "pa"
        }
        viewer.unblock()
        #expect(try viewer.received() == expected)
        harness.send([.inter], hub, from: publisher)
        #expect(try viewer.received() == "p")
        #expect(viewer.viewer?.queue.ledger(log: try #require(viewer.viewer).feed.log).sent == 42)
        harness.checkLedger()
    }

    @Test(arguments: [WireForm.flvAll, .webSocketAll])
    func `no more is put into a full channel than its mark, and the rest waits in the shared log`(form: WireForm) throws
    {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub, form)
        let other = try harness.view(hub, form)
        _ = try (viewer.received(), other.received())
        viewer.block()
        // 2 MB of frames, none of them a keyframe.
        for _ in 0..<20 { harness.send([.largeInter(100_000)], hub, from: publisher) }
        #expect(!viewer.channel.isWritable)
        let queue = try #require(viewer.viewer).queue
        #expect(queue.sent == 4)
        #expect(try other.received() == String(repeating: "p", count: 20))
        viewer.unblock()
        #expect(try viewer.received() == String(repeating: "p", count: 20))
        harness.checkLedger()
    }

    @Test func `a viewer too far behind in bytes goes on at the newest keyframe, headers first`() throws {
        let harness = try HubHarness { $0.viewer.maxBacklog = 500_000 }
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub)
        _ = try viewer.received()
        viewer.block()
        for _ in 0..<10 { harness.send([.largeInter(100_000)], hub, from: publisher) }
        harness.send([.videoHeader, .key, .inter, .audio], hub, from: publisher)
        viewer.unblock()
        #expect(try viewer.received() == "pppMVAkpa")
        #expect(viewer.viewer?.queue.skipped == 8)
        harness.checkLedger()
    }

    @Test func `a viewer that takes nothing for the whole window is told so and goes`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub)
        let other = try harness.view(hub)
        viewer.block()
        // The channel holds 300 kB of them before it is full, less than a tenth.
        for _ in 0..<40 { harness.send([.largeInter(100_000)], hub, from: publisher) }
        let replica = try #require(viewer.replica)
        replica.sweep(now: .now() + .seconds(19))
        #expect(viewer.endings.isEmpty)
        replica.sweep(now: .now() + .seconds(21))
        #expect(viewer.endings == [.tooSlow])
        #expect(other.endings.isEmpty)
        #expect(harness.fanout.meter.slowDisconnects == 1)
        #expect(replica.viewerCount == 1)
        harness.checkLedger()
    }

    @Test func `a viewer whose connection breaks inside a write does not disturb the others`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewers = try (0..<7).map { _ in try harness.view(hub) }
        for viewer in viewers { _ = try viewer.received() }
        // First, middle, two neighbours and last: every way in which a list can be left wrong.
        for index in [0, 3, 4, 6] { viewers[index].breakAtNextFlush() }
        harness.send([.inter], hub, from: publisher)
        let replica = try #require(viewers[1].replica)
        #expect(replica.viewerCount == 3)
        #expect(Set(replica.viewers.map(\.id)) == Set([1, 2, 5].map { viewers[$0].id }))
        for (index, viewer) in replica.viewers.enumerated() { #expect(viewer.index == index) }
        harness.send([.inter], hub, from: publisher)
        for index in [1, 2, 5] { #expect(try viewers[index].received() == "pp") }
        // The places in the list still fit when the rest leaves one by one.
        for index in [2, 1, 5] { viewers[index].leave() }
        #expect(replica.viewerCount == 0)
        harness.checkLedger()
    }

    @Test func `a stream whose last viewer left inside a write is let go of`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub)
        let replica = try #require(viewer.replica)
        viewer.breakAtNextFlush()
        harness.send([.inter], hub, from: publisher)
        #expect(replica.viewerCount == 0)
        replica.sweep(now: .now())
        #expect(replica.idleSince != nil)
    }

    @Test func `a refused player leaves nothing behind`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub) { $0.acceptsCodecs = false }
        #expect(viewer.endings == [.codecRefused])
        #expect(try viewer.received() == "")
        let replica = harness.fanout.replica(of: hub)
        replica.sweep(now: .now())
        #expect(replica.idleSince != nil)
        #expect(replica.viewerCount == 0)
    }

    @Test func `writes that complete after the stream has ended and its feed has gone harm nobody`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub)
        viewer.block()
        harness.send([.inter, .audio], hub, from: publisher)
        hub.lose(publisher: publisher.id, isClean: true)
        #expect(viewer.endings == [.streamEnded])
        viewer.unblock()
        #expect(try viewer.received() == "MVAkpa")
        harness.checkLedger()
    }

    @Test func `everyone may leave in any order`() throws {
        for seed in 0..<20 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let harness = try HubHarness()
            let (hub, publisher) = try #require(try harness.publish())
            harness.send(Media.start + [.key], hub, from: publisher)
            var here: [TestViewer] = []
            var sent: UInt64 = 0
            for _ in 0..<200 {
                switch Int.random(in: 0..<6, using: &generator) {
                case 0:
                    let form = [WireForm.flvAll, .webSocketAll, .rtmpAll][Int.random(in: 0..<3, using: &generator)]
                    here.append(try harness.view(hub, form))
                case 1: here.randomElement(using: &generator)?.block()
                case 2: here.randomElement(using: &generator)?.unblock()
                case 3:
                    guard let index = here.indices.randomElement(using: &generator) else { break }
                    here.remove(at: index).leave()
                case 4: here.randomElement(using: &generator)?.breakAtNextFlush()
                default:
                    harness.send([.inter, .audio, .key].shuffled(using: &generator), hub, from: publisher)
                    sent += 3
                }
                here.removeAll { $0.viewer == nil }
                #expect(harness.fanout.viewerCount == here.count)
                #expect(Set(harness.fanout.allReplicas.flatMap { $0.viewers.map(\.id) }) == Set(here.map(\.id)))
                harness.checkLedger()
            }
            for viewer in here {
                viewer.unblock()
                if viewer.viewer != nil { #expect(try viewer.received().first == "M") }
            }
        }
    }
}
