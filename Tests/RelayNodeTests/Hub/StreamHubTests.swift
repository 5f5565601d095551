import NIOCore
import NIOEmbedded
import RelayAPI
import RelayCore
import Testing

@testable import RelayNode

@Suite struct StreamHubTests {
    private static let forms: [WireForm] = [.flvAll, .webSocketAll, .rtmpAll]

    // MARK: From publisher to viewer

    @Test(arguments: forms)
    func `a viewer that was there from the start gets everything in order`(form: WireForm) throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        let viewer = try harness.view(hub, form)
        let media: [Media] = Media.start + [.key, .audio, .disposable, .inter, .audio, .key, .inter]
        for item in media { harness.send([item], hub, from: publisher) }
        #expect(try viewer.received() == media.map(\.mark).joined())
        #expect(viewer.viewer?.queue.sent == UInt64(media.count))
        harness.checkLedger()
    }

    @Test(arguments: forms)
    func `a viewer that joins late gets headers and GOP in one go and then what follows`(form: WireForm) throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key, .inter, .audio, .key, .inter, .audio, .disposable], hub, from: publisher)
        let viewer = try harness.view(hub, form)
        let joined = try viewer.units()
        #expect(joined.map(\.mark).joined() == "MVAkpab")
        // Headers carry the time of the keyframe behind them, metadata none.
        #expect(Set(joined.dropFirst().prefix(3).map(\.time)).count == 1)
        #expect(joined.first?.time == 0)
        #expect(viewer.tracks == [TrackKinds(hasAudio: true, hasVideo: true)])
        harness.send([.inter, .audio], hub, from: publisher)
        #expect(try viewer.received() == "pa")
        harness.checkLedger()
    }

    @Test func `frames of one read reach a WebSocket viewer as one message`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewer = try harness.view(hub, .webSocketAll)
        _ = try viewer.arrived()
        harness.send([.inter, .audio, .inter], hub, from: publisher)
        #expect(try WireUnit.readWebSocket(viewer.arrived()).count == 1)
    }

    /// Audio alone has nothing to catch up with, so a late listener starts at the present.
    @Test(arguments: [(MediaSelection.audio, "MAa", "MA"), (.video, "MVkp", "MVkp"), (.all, "MVAkap", "MVAkap")])
    func `a viewer may have one kind only`(selection: MediaSelection, expected: String, joined: String) throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        let early = try harness.view(hub, WireForm(container: .flv, selection: selection))
        harness.send(Media.start + [.key, .audio, .inter], hub, from: publisher)
        let late = try harness.view(hub, WireForm(container: .flv, selection: selection))
        #expect(try early.received() == expected)
        #expect(try late.received() == joined)
        harness.checkLedger()
    }

    @Test func `a stream of audio alone starts at the present`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send([.metadata, .audioHeader, .audio, .audio], hub, from: publisher)
        let viewer = try harness.view(hub)
        #expect(try viewer.received() == "MA")
        #expect(viewer.tracks == [TrackKinds(hasAudio: true, hasVideo: false)])
        harness.send([.audio], hub, from: publisher)
        #expect(try viewer.received() == "a")
    }

    @Test func `with a GOP longer than the cache a late viewer hears audio and waits for the next keyframe`() throws {
        let harness = try HubHarness { $0.gop.maxFrames = 4 }
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key, .inter, .inter, .inter, .inter, .inter], hub, from: publisher)
        let viewer = try harness.view(hub)
        #expect(try viewer.received() == "MVA")
        harness.send([.inter, .audio], hub, from: publisher)
        harness.send([.key, .inter], hub, from: publisher)
        #expect(try viewer.received() == "akp")
        #expect(hub.detail(viewers: 1, ledger: harness.fanout.ledger, now: .now()).gopNote == nil)
        harness.checkLedger()
    }

    @Test func `viewers of all forms share one stream and each counts its frames`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        harness.send(Media.start + [.key], hub, from: publisher)
        let viewers = try Self.forms.flatMap { form in try (0..<3).map { _ in try harness.view(hub, form) } }
        harness.send([.inter, .audio], hub, from: publisher)
        for viewer in viewers { #expect(try viewer.received() == "MVAkpa") }
        #expect(harness.fanout.viewerCount == 9)
        #expect(harness.fanout.ledger == LossLedger(offered: 27, sent: 27))
        #expect(harness.fanout.meter.framesOut == 27)
        #expect(harness.fanout.meter.joins == 9)
    }

    // MARK: Coming and going of publishers

    @Test func `a stream that flowed counts as silent from three seconds until it is no news any more`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        #expect(!hub.isNewlySilent(now: .now() + .seconds(30)))
        let before = MonotonicTime.now()
        harness.send(Media.start + [.key, .inter], hub, from: publisher)
        let after = MonotonicTime.now()
        #expect(!hub.isNewlySilent(now: before + .milliseconds(2_999)))
        #expect(hub.isNewlySilent(now: after + .seconds(3)))
        #expect(harness.fanout.silentStreams(now: after + .seconds(3)) == [hub.name])
        #expect(hub.isNewlySilent(now: before + .milliseconds(59_999)))
        #expect(!hub.isNewlySilent(now: after + .seconds(60)))
        // A still picture that sends a frame each five seconds is as it always was.
        for step in 1...5 { hub.noteArrival(now: after + .seconds(5 * step)) }
        #expect(!hub.isNewlySilent(now: after + .seconds(39)))
        #expect(hub.isNewlySilent(now: after + .seconds(41)))
        // Whose publisher said goodbye is over and not silent.
        hub.lose(publisher: publisher.id, isClean: true)
        #expect(harness.fanout.silentStreams(now: after + .seconds(3)).isEmpty)
    }

    @Test func `a publisher that is lost and comes back keeps its viewers, who go on at its keyframe`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        harness.send(Media.start + [.key, .inter], hub, from: publisher)
        hub.lose(publisher: publisher.id, isClean: false)
        #expect(!hub.hasPublisher)
        #expect(viewer.endings.isEmpty)
        #expect(try viewer.received() == "MVAkp")
        // Somebody joins meanwhile: what is cached belongs to the publisher that has gone, and is all there is.
        let meanwhile = try harness.view(hub)
        #expect(try meanwhile.received() == "MVAkp")

        harness.loop.advanceTime(by: .seconds(9))
        let (again, second) = try #require(try harness.publish())
        #expect(again === hub)
        let between = try harness.view(hub)
        // Without its own headers and keyframe the new session gives nothing.
        harness.send([.inter, .audio], hub, from: second)
        harness.send(Media.start + [.inter, .key, .inter], hub, from: second)
        #expect(try viewer.received() == "MVAkp")
        #expect(try meanwhile.received() == "MVAkp")
        // Who joins after the return gets nothing of the session before.
        #expect(try between.received() == "MVAkp")
        #expect(viewer.returns == 1 && between.returns == 0)
        // The timer of the grace window has no say any more.
        harness.loop.advanceTime(by: .seconds(60))
        #expect(hub.hasPublisher && viewer.endings.isEmpty)
        harness.checkLedger()
    }

    @Test func `a publisher that does not come back ends the stream for its viewers`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        hub.lose(publisher: publisher.id, isClean: false)
        harness.loop.advanceTime(by: .milliseconds(9_999))
        #expect(viewer.endings.isEmpty && harness.directory.count == 1)
        harness.loop.advanceTime(by: .milliseconds(1))
        #expect(viewer.endings == [.streamEnded])
        #expect(harness.directory.hub(named: harness.name) == nil)
        #expect(harness.fanout.viewerCount == 0)
        // The next publisher gets a new stream.
        #expect(try harness.publish()?.hub !== hub)
        harness.checkLedger()
    }

    @Test func `a publisher that says goodbye ends the stream at once`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        harness.send(Media.start + [.key], hub, from: publisher)
        hub.lose(publisher: publisher.id, isClean: true)
        #expect(viewer.endings == [.streamEnded])
        #expect(try viewer.received() == "MVAk")
        #expect(harness.directory.count == 0)
    }

    @Test func `a second publisher is refused while the first sends`() throws {
        let harness = try HubHarness()
        let (hub, first) = try #require(try harness.publish())
        let second = TestPublisher()
        #expect(try harness.publish(second) == nil)
        #expect(second.refusal == .streamBusy)
        // Whatever it sends or does is nobody's.
        harness.send(Media.start + [.key], hub, from: second)
        hub.lose(publisher: second.id, isClean: true)
        #expect(hub.hasPublisher && first.endings.isEmpty)
        #expect(hub.totalBytesIn == 0)
    }

    @Test func `with takeover the newcomer replaces the first and viewers stay`() throws {
        let harness = try HubHarness(policy: .takeover)
        let (hub, first) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        harness.send(Media.start + [.key, .inter], hub, from: first)
        let (same, second) = try #require(try harness.publish())
        harness.loop.run()
        #expect(same === hub)
        #expect(first.endings == [.takenOver])
        harness.send([.key, .inter], hub, from: first)
        harness.send(Media.start + [.key], hub, from: second)
        // The first one's connection closes late.
        hub.lose(publisher: first.id, isClean: false)
        #expect(hub.hasPublisher)
        #expect(try viewer.received() == "MVAkpMVAk")
        #expect(viewer.endings.isEmpty)
        harness.checkLedger()
    }

    @Test func `a kick ends the publisher and the stream`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        #expect(hub.kickPublisher(.kicked))
        harness.loop.run()
        #expect(publisher.endings == [.kicked])
        #expect(viewer.endings == [.kicked])
        #expect(!hub.kickPublisher(.kicked))
        #expect(harness.directory.count == 0)
        #expect(
            hub.claim(
                Publisher(id: 99, connection: publisher, loop: harness.loop, remote: ""), grant: nil, now: .now())
                == .refused(.streamEnded))
    }

    @Test func `the number of streams is bounded`() throws {
        let harness = try HubHarness { $0.limits.maxStreams = 1 }
        _ = try #require(try harness.publish())
        let publisher = Publisher(id: 99, connection: TestPublisher(), loop: harness.loop, remote: "")
        let answer = try harness.directory.publish(try StreamName(path: "live/other"), publisher, on: harness.fanout)
            .wait()
        guard case .failure(let refusal) = answer else {
            Issue.record("admitted")
            return
        }
        #expect(refusal.code == .tooManyStreams)
    }

    @Test func `a publisher of broken media is to be closed`() throws {
        let harness = try HubHarness()
        let (hub, publisher) = try #require(try harness.publish())
        let broken = InboundMedia(kind: .video, timestamp: 0, body: ByteBuffer(bytes: [0x17, 0, 0]))
        let answers = (0..<3).map { _ in hub.ingest(broken, from: publisher.id, now: .now()) }
        #expect(answers == [false, false, true])
    }

    @Test func `time goes on over a republish, even when the encoder starts at 0 again`() throws {
        let harness = try HubHarness()
        let (hub, first) = try #require(try harness.publish())
        let viewer = try harness.view(hub)
        for _ in 0..<50 { harness.send(Media.start + [.key, .inter, .audio], hub, from: first) }
        let before = try viewer.units()
        hub.lose(publisher: first.id, isClean: false)
        let (_, second) = try #require(try harness.publish())
        for item in Media.start + [.key] { _ = hub.ingest(item.inbound(at: 0), from: second.id, now: .now()) }
        hub.flushOutbound(now: .now())
        let after = try viewer.units()
        #expect(after.map(\.mark).joined() == "MVAk")
        #expect(after.last?.time ?? 0 > before.map(\.time).max() ?? .max)
    }
}
