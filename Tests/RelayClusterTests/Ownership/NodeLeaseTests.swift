import RelayCluster
import RelayCore
import Testing

@Suite("A node's lease")
struct NodeLeaseTests {
    private func at(_ milliseconds: Int) -> MonotonicTime { .zero + .milliseconds(milliseconds) }
    private let renewed = NodeRenewal.renewed(wasAbsent: false, wallMilliseconds: 0, wish: nil)
    private let fresh = NodeRenewal.renewed(wasAbsent: true, wallMilliseconds: 0, wish: nil)

    private func actions(_ lease: inout NodeLease) -> [NodeLease.Action] {
        var all: [NodeLease.Action] = []
        while let action = lease.nextAction() { all.append(action) }
        return all
    }

    /// A lease that was granted at `at`, sent at 0.
    private func held(_ at: MonotonicTime = .zero + .milliseconds(10)) -> NodeLease {
        var lease = NodeLease(seed: 1, now: .zero)
        lease.renewed(fresh, now: at)
        _ = actions(&lease)
        return lease
    }

    @Test("is claimed at once, with a report, and becomes the node's with the answer")
    func claims() {
        var lease = NodeLease(seed: 1, now: .zero)
        #expect(actions(&lease) == [.renew(includeReport: true)])
        #expect(lease.state(now: .zero) == .seeking)
        #expect(lease.nextDeadline == nil)
        lease.renewed(fresh, now: at(5))
        #expect(actions(&lease) == [.becameOwner, .restoreAll])
        #expect(lease.isHeld(now: at(5)))
    }

    @Test("is renewed with every beat, with a report every two seconds")
    func beats() {
        var lease = held()
        var beats: [(MonotonicTime, Bool)] = []
        while let due = lease.nextDeadline, due < at(10_000) {
            lease.timerFired(now: due)
            for action in actions(&lease) { if case .renew(let report) = action { beats.append((due, report)) } }
            lease.renewed(renewed, now: due + .milliseconds(3))
            #expect(!actions(&lease).contains(.expired))
        }
        #expect((18...22).contains(beats.count))
        for (one, next) in zip(beats, beats.dropFirst()) {
            #expect(next.0 - one.0 >= .milliseconds(450) && next.0 - one.0 <= .milliseconds(550))
        }
        #expect((3...5).contains(beats.filter(\.1).count))
    }

    @Test("counts from before the renewal was sent, so it is over before the registry gives it away")
    func validity() {
        let lease = held(at(900))
        #expect(lease.isHeld(now: at(9_999)))
        #expect(!lease.isHeld(now: at(10_000)))
        #expect(lease.state(now: at(10_000)) == .expired)
    }

    @Test("survives a registry that stands still for five seconds")
    func stall() {
        var lease = held()
        var now = at(10)
        while let due = lease.nextDeadline, due < at(5_500) {
            now = due
            lease.timerFired(now: now)
            _ = actions(&lease)
            lease.failed(now: now)
        }
        #expect(lease.isHeld(now: at(5_500)))
        lease.timerFired(now: at(5_600))
        lease.renewed(renewed, now: at(5_700))
        #expect(!actions(&lease).contains(.expired))
        #expect(lease.isHeld(now: at(15_000)))
    }

    @Test("expires without renewals, keeps asking, and tells to write everything again when it is had again")
    func expires() {
        var lease = held()
        var seen: [NodeLease.Action] = []
        while let due = lease.nextDeadline, due < at(12_000) {
            lease.timerFired(now: due)
            for action in actions(&lease) {
                if case .renew = action { lease.failed(now: due) } else { seen.append(action) }
            }
        }
        #expect(seen == [.expired])
        lease.connected(now: at(12_000))
        #expect(actions(&lease).contains { if case .renew = $0 { true } else { false } })
        lease.renewed(fresh, now: at(12_010))
        #expect(actions(&lease) == [.becameOwner, .restoreAll])
    }

    @Test("of a process that stood still is expired before anything else is looked at")
    func thaw() {
        var lease = held()
        lease.timerFired(now: at(600))
        #expect(actions(&lease).count == 1)
        // The answer was there all the time; the process went on 30 s later.
        #expect(!lease.isHeld(now: at(30_000)))
        lease.renewed(renewed, now: at(30_000))
        #expect(actions(&lease) == [.expired])
        #expect(!lease.isHeld(now: at(30_000)))
        lease.timerFired(now: at(30_001))
        #expect(actions(&lease).count == 1)
        lease.renewed(fresh, now: at(30_010))
        #expect(actions(&lease) == [.becameOwner, .restoreAll])
    }

    @Test("tells to write everything again when the registry came back empty")
    func emptied() {
        var lease = held()
        lease.timerFired(now: at(600))
        _ = actions(&lease)
        lease.renewed(fresh, now: at(610))
        #expect(actions(&lease) == [.restoreAll])
    }

    @Test("checks what it owns now and then although nothing happened")
    func audits() {
        var lease = held()
        var audits: [MonotonicTime] = []
        while let due = lease.nextDeadline, due < at(10_000) {
            lease.timerFired(now: due)
            lease.renewed(renewed, now: due)
            if actions(&lease).contains(.restoreAll) { audits.append(due) }
        }
        #expect((4...7).contains(audits.count))
        for (one, next) in zip(audits, audits.dropFirst()) { #expect(next - one <= .milliseconds(2_100)) }
    }

    @Test("is lost to another process of the name, which is told once, and asked for again")
    func taken() {
        var lease = held()
        lease.timerFired(now: at(600))
        _ = actions(&lease)
        lease.renewed(.taken, now: at(610))
        #expect(actions(&lease) == [.lost])
        #expect(!lease.isHeld(now: at(611)))
        for round in 2...5 {
            lease.timerFired(now: at(600 * round))
            #expect(actions(&lease).count == 1)
            lease.renewed(.taken, now: at(600 * round))
            #expect(actions(&lease).isEmpty)
        }
        lease.timerFired(now: at(4_000))
        _ = actions(&lease)
        lease.renewed(fresh, now: at(4_010))
        #expect(actions(&lease) == [.becameOwner, .restoreAll])
    }

    @Test("is given up at the end, and not renewed after")
    func releases() {
        var lease = held()
        lease.release(now: at(100))
        #expect(actions(&lease) == [.release])
        #expect(lease.nextDeadline == nil)
        lease.timerFired(now: at(5_000))
        lease.release(now: at(5_000))
        lease.renewed(renewed, now: at(5_000))
        #expect(actions(&lease).isEmpty)
        #expect(!lease.isHeld(now: at(100)))
    }
}
