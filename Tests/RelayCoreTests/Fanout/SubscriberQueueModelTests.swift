import NIOCore
import RelayCore
import Testing

/// Subscribers of all speeds on one log over random runs, against the plain model.
@Suite struct SubscriberQueueModelTests {
    /// A random run: what a seed decides about it.
    struct Run: Sendable {
        var limits: SubscriberQueue.Limits
        var logLimits: WireLog.Limits
        var hasVideo: Bool
        var keyChance: Int

        init(seed: UInt64) {
            limits = SubscriberQueue.Limits(
                dropAfter: .milliseconds(300), skipAfter: .milliseconds(900),
                maxBacklog: [400, 2_000, 1 << 20][Int(seed % 3)],
                disconnectAfter: .seconds(5))
            logLimits = WireLog.Limits(
                retention: .milliseconds([300, 900, 3_000][Int(seed / 3 % 3)]),
                bytes: [800, 4_000, 1 << 20][Int(seed / 9 % 3)],
                frames: 4_096)
            hasVideo = seed % 7 != 3
            keyChance = [3, 15, 60][Int(seed / 2 % 3)]
        }
    }

    @Test(arguments: 0..<120 as Range<UInt64>)
    func `what is given can be played, in order and accounted for, at any speed`(seed: UInt64) {
        let run = Run(seed: seed)
        var maker = BatchMaker(seed: seed)
        maker.hasVideo = run.hasVideo
        maker.keyChance = run.keyChance
        var log = WireLog(limits: run.logLimits)
        var model = NaiveLog(limits: run.logLimits)
        var viewers: [ModelViewer] = []
        // Steps a viewer may take per batch; 0 = its socket takes nothing.
        var speeds: [Int] = []
        var now = MonotonicTime.zero
        for turn in 0..<250 {
            now = now + .milliseconds(Int.random(in: 0...80, using: &maker.generator))
            if viewers.count < 6, turn % 20 == 5 {
                var viewer = ModelViewer(joining: log, now: now)
                viewer.pump(log, model, limits: run.limits, now: now, steps: 1_000)
                viewers.append(viewer)
                speeds.append(1_000)
            }
            for index in speeds.indices where Int.random(in: 0..<15, using: &maker.generator) == 0 {
                speeds[index] = [0, 0, 1, 2, 1_000].randomElement(using: &maker.generator) ?? 0
            }
            if Int.random(in: 0..<40, using: &maker.generator) == 0 {
                log.trim(now: now)
                model.trim(now: now)
            }
            if Int.random(in: 0..<60, using: &maker.generator) == 0 {
                log.forgetKeyframe()
                model.forgetKeyframe()
                maker.beginSession()
            }
            // A subscriber that joins before a stream's first keyframe sees no frame that needs one: the stamper holds them.
            let frames = maker.frames(isFirst: turn == 0, keyFirst: run.hasVideo && turn == 0)
            let buffer = BatchMaker.buffer(frames, prefix: 0)
            let batch = log.append(buffer, prefix: 0, frames: frames, now: now)
            model.append(frames, contents: Array(buffer.readableBytesView), now: now)
            for index in viewers.indices {
                if speeds[index] == 0 || !viewers[index].take(batch, model) {
                    viewers[index].pump(log, model, limits: run.limits, now: now, steps: speeds[index])
                }
                viewers[index].checkLedger(log, model)
            }
        }
        // Everyone catches up when the network comes back.
        for index in viewers.indices {
            viewers[index].pump(log, model, limits: run.limits, now: now, steps: 1_000)
            #expect(viewers[index].queue.isCaughtUp(with: log))
            viewers[index].checkLedger(log, model)
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `a subscriber that keeps up takes every batch by the fast path and misses nothing`(seed: UInt64) {
        let run = Run(seed: seed)
        var maker = BatchMaker(seed: seed)
        maker.hasVideo = run.hasVideo
        var log = WireLog(limits: run.logLimits)
        var model = NaiveLog(limits: run.logLimits)
        var viewer: ModelViewer?
        var now = MonotonicTime.zero
        for turn in 0..<300 {
            now = now + .milliseconds(40)
            let frames = maker.frames(isFirst: turn == 0, keyFirst: run.hasVideo && turn == 0)
            let buffer = BatchMaker.buffer(frames, prefix: 0)
            let batch = log.append(buffer, prefix: 0, frames: frames, now: now)
            model.append(frames, contents: Array(buffer.readableBytesView), now: now)
            if viewer != nil {
                let isTaken = viewer?.take(batch, model)
                #expect(isTaken == true)
            } else {
                viewer = ModelViewer(joining: log, now: now)
                viewer?.pump(log, model, limits: run.limits, now: now, steps: 1_000)
            }
        }
        #expect(viewer?.fast == 299)
        #expect(viewer?.headerSteps == 1)
        #expect(viewer?.queue.dropped == 0 && viewer?.queue.skipped == 0 && viewer?.queue.evicted == 0)
    }
}
