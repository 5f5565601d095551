import RelayCluster
import RelayCore
import Testing

/// A pull, its clock, and what it asked for.
struct PullHarness {
    static let origin = parent("o1")
    static let other = parent("o2")
    static let third = parent("o3", hops: 1)

    static func parent(_ name: String, hops: Int = 0) -> PullSource {
        .parent(PullParent(node: NodeID(name)!, link: Endpoint(host: "10.0.0.1", port: 1985), hops: hops))
    }

    var pull: StreamPull
    var now = MonotonicTime.zero

    init(_ settings: PullSettings = PullSettings(), highestEpoch: UInt64 = 0, seed: UInt64 = 1) {
        pull = StreamPull(settings: settings, highestEpoch: highestEpoch, seed: seed, now: .zero)
    }

    /// What was asked for since this was last called.
    mutating func actions() -> [PullAction] {
        var all: [PullAction] = []
        while let action = pull.nextAction() { all.append(action) }
        return all
    }

    mutating func expect(_ expected: PullAction..., at location: SourceLocation = #_sourceLocation) {
        let got = actions()
        #expect(got == expected, sourceLocation: location)
    }

    /// Lets time pass, running the timer at each deadline.
    mutating func pass(_ duration: Duration) {
        let end = now + duration
        while let due = pull.nextDeadline, due <= end {
            now = max(now, due)
            pull.timerFired(now: now)
            if let next = pull.nextDeadline { #expect(next > now, "a deadline does not pass") }
            if pull.nextDeadline.map({ $0 <= now }) ?? false { break }
        }
        now = end
    }

    /// Answers each lookup at once, until none is asked; gives what else was asked for.
    mutating func answering(_ resolution: PullResolution) -> [PullAction] {
        var others: [PullAction] = []
        while true {
            let new = actions()
            if new.isEmpty { return others }
            for action in new {
                if action == .resolve { pull.resolved(resolution, now: now) } else { others.append(action) }
            }
        }
    }

    static func found(_ epoch: UInt64, _ sources: PullSource..., age: Duration = .zero) -> PullResolution {
        .found(epoch: epoch, sources: sources, age: age)
    }

    /// A pull whose first source gives frames.
    static func flowing(
        _ settings: PullSettings = PullSettings(), epoch: UInt64 = 5, _ sources: [PullSource] = [origin]
    ) -> PullHarness {
        var harness = PullHarness(settings)
        harness.pull.resolved(.found(epoch: epoch, sources: sources, age: .zero), now: harness.now)
        harness.pull.accepted(attempt: 1, epoch: epoch, now: harness.now)
        harness.pull.frames(attempt: 1, now: harness.now)
        _ = harness.actions()
        return harness
    }

    /// Frames of an attempt for a while, each 100 ms.
    mutating func flow(_ attempt: Int, for duration: Duration) {
        let end = now + duration
        while now < end {
            pass(.milliseconds(100))
            pull.frames(attempt: attempt, now: now)
        }
    }
}
