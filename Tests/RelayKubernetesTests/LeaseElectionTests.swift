import RelayCore
import RelayKubernetes
import Testing

@Suite("Leader by a lease")
struct LeaseElectionTests {
    private static func machine(_ identity: String, now: MonotonicTime = .zero) -> LeaseElection {
        LeaseElection(
            name: RequestTests.edge.name, namespace: RequestTests.namespace, identity: identity, seed: 1, now: now)
    }

    private static let wall = KubernetesTime(microseconds: 1_767_225_605_000_000)

    private func lease(_ holder: String, transitions: Int32 = 3, version: String = "1", duration: Int32 = 15)
        -> LeaseObject
    {
        var spec = LeaseObject.Spec()
        spec.holderIdentity = holder
        spec.leaseTransitions = transitions
        spec.leaseDurationSeconds = duration
        spec.renewTime = Self.wall
        return LeaseObject(
            metadata: ObjectMeta(name: "relay-edge", namespace: "live", resourceVersion: version), spec: spec)
    }

    private func seconds(_ count: Double) -> MonotonicTime { .zero + .milliseconds(Int(count * 1000)) }

    /// A machine that leads since `.zero`.
    private func leader() -> LeaseElection {
        var machine = Self.machine("a")
        _ = machine.step(now: .zero, wall: Self.wall)
        machine.failed(.missing(""), now: .zero)
        guard case .create(var made) = machine.step(now: .zero, wall: Self.wall) else { return machine }
        made.metadata.resourceVersion = "1"
        machine.answered(made, now: .zero)
        return machine
    }

    @Test("Where there is no lease, one is made, and leads from the time it was sent")
    func create() throws {
        var machine = Self.machine("a")
        #expect(machine.step(now: .zero, wall: Self.wall) == .read)
        machine.failed(.missing(""), now: seconds(1))
        guard case .create(let made) = machine.step(now: seconds(1), wall: Self.wall) else {
            Issue.record("not made")
            return
        }
        #expect(made.spec?.holderIdentity == "a")
        #expect(made.spec?.leaseDurationSeconds == 15)
        #expect(machine.epoch(now: seconds(1)) == nil)
        machine.answered(made, now: seconds(3))
        #expect(machine.epoch(now: seconds(3)) == 1)
        #expect(machine.epoch(now: seconds(10.9)) == 1)
        #expect(machine.epoch(now: seconds(11)) == nil, "ten seconds after it was sent, not after it was answered")
    }

    @Test("Another's lease is respected until it did not change for its whole time here, whatever its clock says")
    func expiry() {
        var machine = Self.machine("b")
        var now = seconds(0)
        var old = lease("a")
        old.spec?.renewTime = KubernetesTime(microseconds: 0)
        var reads = 0
        while true {
            switch machine.step(now: now, wall: Self.wall) {
            case .read:
                reads += 1
                machine.answered(old, now: now)
            case .wait(let until): now = until
            case .update(let taken):
                #expect(now >= seconds(15) && now < seconds(20))
                #expect(taken.spec?.holderIdentity == "b")
                #expect(taken.spec?.leaseTransitions == 4)
                #expect(taken.metadata.resourceVersion == "1")
                #expect(reads > 3)
                machine.answered(taken, now: now)
                #expect(machine.epoch(now: now) == 4)
                return
            case .create:
                Issue.record("made")
                return
            }
        }
    }

    @Test("A lease that changes is never taken, and its time starts over")
    func renewals() {
        var machine = Self.machine("b")
        var now = seconds(0)
        var reads = 0
        while now < seconds(300) {
            switch machine.step(now: now, wall: Self.wall) {
            case .read:
                reads += 1
                var current = lease("a", version: "\(reads)")
                // Renewed every other look, up to eight seconds apart.
                current.spec?.renewTime = KubernetesTime(microseconds: Int64(reads / 2))
                machine.answered(current, now: now)
            case .wait(let until): now = until
            default:
                Issue.record("taken")
                return
            }
        }
        #expect(machine.holder == "a")
        #expect(machine.epoch(now: now) == nil)
        #expect(machine.seenEpoch == 3)
    }

    @Test("A lease that was given up is taken at once", arguments: ["", "b"])
    func released(holder: String) {
        var machine = Self.machine("b")
        _ = machine.step(now: .zero, wall: Self.wall)
        machine.answered(lease(holder, duration: 1), now: .zero)
        guard case .update(let taken) = machine.step(now: .zero, wall: Self.wall) else {
            Issue.record("not taken")
            return
        }
        #expect(taken.spec?.leaseTransitions == 4, "an earlier life of this identity was another leader")
    }

    @Test("An absurd duration keeps others out for a minute, not for ever", arguments: [Int32.max, .min, 0])
    func absurd(duration: Int32) {
        var machine = Self.machine("b")
        var now = seconds(0)
        let odd = lease("a", transitions: .max, duration: duration)
        while now < seconds(70) {
            switch machine.step(now: now, wall: Self.wall) {
            case .read: machine.answered(odd, now: now)
            case .wait(let until): now = until
            case .update(let taken):
                #expect(now >= seconds(15))
                #expect(taken.spec?.leaseTransitions == .max)
                return
            case .create: Issue.record("made")
            }
        }
        Issue.record("never taken")
    }

    @Test("The leader renews every two seconds, and keeps its epoch")
    func renew() {
        var machine = leader()
        var now = seconds(0)
        for round in 1...20 {
            #expect(machine.step(now: now, wall: Self.wall) == .wait(until: seconds(Double(round * 2))))
            now = seconds(Double(round * 2))
            guard case .update(let renewed) = machine.step(now: now, wall: KubernetesTime(microseconds: Int64(round)))
            else {
                Issue.record("not renewed")
                return
            }
            #expect(renewed.spec?.renewTime?.microseconds == Int64(round))
            #expect(renewed.spec?.acquireTime == Self.wall)
            machine.answered(renewed, now: now)
            #expect(machine.epoch(now: now) == 1)
        }
    }

    @Test("A leader that cannot renew stops before others may start, and is a new leader afterwards")
    func deadline() {
        var machine = leader()
        var now = seconds(0)
        while now < seconds(12) {
            switch machine.step(now: now, wall: Self.wall) {
            case .wait(let until): now = until
            default:
                now = now + .seconds(1)
                machine.failed(.unreachable(""), now: now)
            }
            #expect((machine.epoch(now: now) != nil) == (now < seconds(10)))
        }
        while case .wait(let until) = machine.step(now: now, wall: Self.wall) { now = until }
        machine.answered(lease("a", transitions: 1), now: now)
        guard case .update(let taken) = machine.step(now: now, wall: Self.wall) else {
            Issue.record("not taken again")
            return
        }
        #expect(taken.spec?.leaseTransitions == 2)
    }

    @Test("A leader whose renewal was lost on the way back looks, finds itself and goes on")
    func lostAnswer() {
        var machine = leader()
        _ = machine.step(now: seconds(2), wall: Self.wall)
        machine.failed(.unreachable(""), now: seconds(3))
        guard case .update = machine.step(now: seconds(5), wall: Self.wall) else {
            Issue.record("no second try")
            return
        }
        machine.failed(.conflict(""), now: seconds(5))
        #expect(machine.step(now: seconds(5), wall: Self.wall) == .read)
        machine.answered(lease("a", transitions: 1, version: "2"), now: seconds(5))
        guard case .update(let renewed) = machine.step(now: seconds(5), wall: Self.wall) else {
            Issue.record("not renewed")
            return
        }
        #expect(renewed.metadata.resourceVersion == "2")
        #expect(renewed.spec?.leaseTransitions == 1)
        machine.answered(renewed, now: seconds(5))
        #expect(machine.epoch(now: seconds(14)) == 1)
    }

    @Test("A leader that finds another in its place follows at once")
    func usurped() {
        var machine = leader()
        _ = machine.step(now: seconds(2), wall: Self.wall)
        machine.failed(.conflict(""), now: seconds(2))
        _ = machine.step(now: seconds(2), wall: Self.wall)
        machine.answered(lease("b", transitions: 2), now: seconds(2))
        guard case .wait = machine.step(now: seconds(2), wall: Self.wall) else {
            Issue.record("fights back")
            return
        }
        #expect(machine.epoch(now: seconds(2)) == nil)
        #expect(machine.holder == "b")
    }

    @Test("A lease that was deleted under the leader is made anew with a higher epoch")
    func deleted() {
        var machine = leader()
        _ = machine.step(now: seconds(2), wall: Self.wall)
        machine.failed(.missing(""), now: seconds(2))
        guard case .create(let made) = machine.step(now: seconds(2), wall: Self.wall) else {
            Issue.record("not made")
            return
        }
        #expect(made.spec?.leaseTransitions == 2)
    }

    @Test("A storm of conflicts is not answered with a storm of looks")
    func storm() {
        var machine = Self.machine("b")
        var now = seconds(0)
        var calls = 0
        while now < seconds(60) {
            switch machine.step(now: now, wall: Self.wall) {
            case .wait(let until): now = until
            case .read:
                calls += 1
                machine.answered(lease(""), now: now)
            default:
                calls += 1
                machine.failed(.conflict(""), now: now)
            }
        }
        #expect(calls < 80)
    }

    @Test("Resigning ends leadership before anything is sent, and leaves the lease to the next")
    func resign() {
        var machine = leader()
        let left = machine.resign(wall: Self.wall)
        #expect(left?.spec?.holderIdentity == "")
        #expect(left?.spec?.leaseDurationSeconds == 1)
        #expect(left?.metadata.resourceVersion == "1")
        #expect(machine.epoch(now: .zero) == nil)
        #expect(machine.resign(wall: Self.wall) == nil)
        #expect(machine.step(now: seconds(100), wall: Self.wall) == .wait(until: MonotonicTime(nanoseconds: .max)))
        var follower = Self.machine("b")
        _ = follower.step(now: .zero, wall: Self.wall)
        follower.answered(lease("a"), now: .zero)
        #expect(follower.resign(wall: Self.wall) == nil, "another's lease is left alone")
    }

    @Test("A server that says yes and writes another holder makes nobody leader")
    func liar() {
        var machine = Self.machine("a")
        _ = machine.step(now: .zero, wall: Self.wall)
        machine.failed(.missing(""), now: .zero)
        _ = machine.step(now: .zero, wall: Self.wall)
        machine.answered(lease("b"), now: .zero)
        #expect(machine.epoch(now: .zero) == nil)
    }

    /// A server of one lease, with answers that are lost, late or refused, and members that stand still, crash and come back.
    @Test(
        "At no instant do two lead, and one leads again soon after the faults are over",
        arguments: 1...16 as ClosedRange<UInt64>)
    func simulation(seed: UInt64) {
        var random = Random(state: seed)
        var stored: LeaseObject?
        var version = 0
        var machines = (0..<3).map { Self.machine("m\($0)") }
        var busyUntil = [MonotonicTime](repeating: .zero, count: 3)
        var waiting: [(at: MonotonicTime, index: Int, life: Int, LeaseElection.Step, Bool)] = []
        var lives = [0, 0, 0]
        var leads = 0
        var epochs: [UInt64: String] = [:]
        func apply(_ step: LeaseElection.Step) -> Result<LeaseObject, KubernetesProblem> {
            switch step {
            case .read: return stored.map { .success($0) } ?? .failure(.missing(""))
            case .create(var lease):
                guard stored == nil else { return .failure(.conflict("")) }
                version += 1
                lease.metadata.resourceVersion = "\(version)"
                stored = lease
                return .success(lease)
            case .update(var lease):
                guard let current = stored else { return .failure(.missing("")) }
                guard current.metadata.resourceVersion == lease.metadata.resourceVersion else {
                    return .failure(.conflict(""))
                }
                version += 1
                lease.metadata.resourceVersion = "\(version)"
                stored = lease
                return .success(lease)
            case .wait: return .failure(.conflict(""))
            }
        }
        var calm = 0
        for tick in 0..<6_000 {
            let now = MonotonicTime.zero + .milliseconds(tick * 100)
            let isStormy = tick < 4_000
            for index in machines.indices {
                if isStormy, random.below(2_000) == 0 {
                    // Killed, and started again some time later.
                    lives[index] += 1
                    machines[index] = Self.machine("m\(index)-\(lives[index])", now: now)
                    busyUntil[index] = now + .milliseconds(random.below(8_000))
                }
                guard busyUntil[index] <= now else { continue }
                let step = machines[index].step(
                    now: now, wall: KubernetesTime(microseconds: Int64(random.below(1_000_000))))
                if case .wait = step { continue }
                busyUntil[index] = MonotonicTime(nanoseconds: .max)
                // The request takes its time to get there, and the answer to come back; some are lost, or arrive without an answer.
                waiting.append(
                    (now + .milliseconds(isStormy ? random.below(3_000) : 50), index, lives[index], step, false))
            }
            for item in waiting.filter({ $0.at <= now }) {
                let isCurrent = item.life == lives[item.index]
                let result: Result<LeaseObject, KubernetesProblem>
                if isStormy, random.below(5) == 0 {
                    result = .failure(
                        random.below(2) == 0 ? .unreachable("") : .busy(status: 503, retryAfter: .seconds(3)))
                } else {
                    let applied = apply(item.3)
                    result = isStormy && random.below(6) == 0 ? .failure(.unreachable("")) : applied
                }
                guard isCurrent else { continue }
                // A machine that stands still hears late.
                let delay = isStormy && random.below(20) == 0 ? Duration.milliseconds(random.below(12_000)) : .zero
                busyUntil[item.index] = now + delay
                switch result {
                case .success(let lease): machines[item.index].answered(lease, now: now + delay)
                case .failure(let problem): machines[item.index].failed(problem, now: now + delay)
                }
            }
            waiting.removeAll { $0.at <= now }
            let leaders = machines.indices.compactMap { index in machines[index].epoch(now: now).map { (index, $0) } }
            #expect(leaders.count <= 1, "seed \(seed), tick \(tick): \(leaders)")
            if let (index, epoch) = leaders.first {
                leads += 1
                if tick >= 4_400 { calm += 1 }
                let who = "m\(index)-\(lives[index])"
                #expect(epochs[epoch, default: who] == who, "seed \(seed): one epoch, two leaders")
                epochs[epoch] = who
            }
        }
        #expect(leads > 1_000)
        #expect(calm == 1_600)
    }
}

/// SplitMix64, for runs that can be repeated.
struct Random {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(limit))
    }
}
