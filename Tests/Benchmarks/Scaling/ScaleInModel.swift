import RelayCluster
import RelayCore
import RelayScaling

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &self) < share }
}

/// A Deployment with its nodes, second by second: pods that start, crash, get lost and are deleted in the order of the
/// ReplicaSet controller; written apart from the product's replay of that order, which it is to check.
struct ScaleInModel {
    struct Pod {
        var name: String
        var uid: UInt64
        var machine: Int
        var created: Int
        /// Seconds at which it is put on a machine and at which it is ready.
        var assignedAt: Int
        var readyAt: Int
        var readySince: Int?
        var restarts = 0
        var cost: Int32?
        var isReady = false
        var isLost = false
        var crashesEvery = 0
        /// What the process does.
        var isDraining = false
        var drainedAt: Int?
        var viewers = 0.0
        var sequence: UInt64 = 0
        var frozenUntil = 0
        var shown: NodeReport?
        var wish = false
        var token: UInt64
        var readinessDelay: Int
    }

    struct Tally {
        var scaleIns = 0
        var removedNodes = 0
        var wrongVictims = 0
        var wrongViewers = 0
        var deadlineViewers = 0
        var lostPods = 0
        var crashes = 0
        var leaderChanges = 0
        var conflicts = 0
        var staleSpells = 0
        var returns = 0
        var undrains = 0
        var mismatches: UInt64 = 0
        var countedWrong: UInt64 = 0
    }

    var numbers: SeededNumbers
    var pods: [Pod] = []
    var replicas: Int
    var second = 0
    var born = 0
    var tally = Tally()
    let perNode = 1_000.0

    init(seed: UInt64, replicas: Int) {
        numbers = SeededNumbers(seed: seed)
        self.replicas = replicas
        for _ in 0..<replicas {
            var pod = newPod()
            pod.assignedAt = -100
            pod.readyAt = -50
            pods.append(pod)
        }
    }

    mutating func newPod() -> Pod {
        born += 1
        let assigned = second + Int.random(in: 1...6, using: &numbers)
        var pod = Pod(
            name: "edge-\(String(numbers.next() % 46_656, radix: 36))-\(born)", uid: numbers.next(),
            machine: Int.random(in: 0..<max(2, replicas / 2), using: &numbers), created: second, assignedAt: assigned,
            readyAt: assigned + Int.random(in: 6...25, using: &numbers), token: numbers.next(),
            readinessDelay: Int.random(in: 0...6, using: &numbers))
        if numbers.chance(0.03) { pod.crashesEvery = Int.random(in: 8...40, using: &numbers) }
        return pod
    }

    /// Who goes first, by `ActivePodsWithRanks` with its logarithmic buckets and its ties by uid.
    func deletionOrder() -> [Int] {
        var onMachine: [Int: Int] = [:]
        for pod in pods where pod.assignedAt <= second { onMachine[pod.machine, default: 0] += 1 }
        func bucket(_ since: Int) -> Int {
            var age = max(1, second - since)
            var bits = 0
            while age > 1 {
                age /= 2
                bits += 1
            }
            return bits
        }
        func before(_ a: Pod, _ b: Pod) -> Bool {
            let assigned = (a.assignedAt <= second, b.assignedAt <= second)
            if assigned.0 != assigned.1 { return !assigned.0 }
            func phase(_ pod: Pod) -> Int { pod.isLost ? 1 : pod.readyAt - 5 > second ? 0 : 2 }
            if phase(a) != phase(b) { return phase(a) < phase(b) }
            if a.isReady != b.isReady { return !a.isReady }
            if (a.cost ?? 0) != (b.cost ?? 0) { return (a.cost ?? 0) < (b.cost ?? 0) }
            let ranks = (onMachine[a.machine] ?? 0, onMachine[b.machine] ?? 0)
            if ranks.0 != ranks.1 { return ranks.0 > ranks.1 }
            if a.isReady, b.isReady, let one = a.readySince, let other = b.readySince, one != other {
                let buckets = (bucket(one), bucket(other))
                return buckets.0 == buckets.1 ? a.uid < b.uid : buckets.0 < buckets.1
            }
            if a.restarts != b.restarts { return a.restarts > b.restarts }
            if a.created != b.created {
                let buckets = (bucket(a.created), bucket(b.created))
                return buckets.0 == buckets.1 ? a.uid < b.uid : buckets.0 < buckets.1
            }
            return a.uid < b.uid
        }
        return pods.indices.sorted { before(pods[$0], pods[$1]) }
    }

    /// What the ReplicaSet controller does about the count.
    mutating func reconcile() {
        while pods.count < replicas { pods.append(newPod()) }
        let excess = pods.count - replicas
        guard excess > 0 else { return }
        let victims = deletionOrder().prefix(excess)
        for index in victims {
            let pod = pods[index]
            tally.removedNodes += 1
            if !pod.isDraining, pod.viewers >= 1 {
                tally.wrongVictims += 1
                tally.wrongViewers += Int(pod.viewers)
            } else if pod.viewers >= 1 {
                tally.deadlineViewers += Int(pod.viewers)
            }
        }
        let gone = Set(victims)
        pods = pods.indices.filter { !gone.contains($0) }.map { pods[$0] }
    }

    /// One second of everything but decisions.
    mutating func step(demand: Double) {
        second += 1
        for index in pods.indices {
            if pods[index].isLost {
                pods[index].isReady = false
                continue
            }
            let isUp = pods[index].readyAt <= second
            if pods[index].crashesEvery > 0, isUp, (second - pods[index].readyAt) % pods[index].crashesEvery == 0,
                second > pods[index].readyAt
            {
                pods[index].restarts += 1
                pods[index].readyAt = second + Int.random(in: 3...30, using: &numbers)
                pods[index].isReady = false
                pods[index].isDraining = pods[index].wish
                pods[index].viewers = 0
                pods[index].sequence = 0
                pods[index].token = numbers.next()
                pods[index].shown = nil
                tally.crashes += 1
                continue
            }
            if pods[index].wish, !pods[index].isDraining, isUp {
                pods[index].isDraining = true
                pods[index].drainedAt = second
            } else if !pods[index].wish, pods[index].isDraining {
                pods[index].isDraining = false
                pods[index].drainedAt = nil
            }
            let unready = pods[index].drainedAt.map { second >= $0 + pods[index].readinessDelay } ?? false
            let isReady = isUp && !(pods[index].isDraining && unready)
            if isReady != pods[index].isReady {
                pods[index].isReady = isReady
                pods[index].readySince = second
            }
        }
        share(demand)
        report()
        reconcile()
        // Nodes of a lost machine are deleted once the platform gives them up.
        pods.removeAll { $0.isLost && $0.frozenUntil <= second }
    }

    /// Draining nodes lose 3 % of their viewers a second, to the others; these share evenly.
    private mutating func share(_ demand: Double) {
        var kept = 0.0
        var serving = 0
        for index in pods.indices {
            if pods[index].isLost || pods[index].readyAt > second {
                pods[index].viewers = 0
            } else if pods[index].isDraining {
                pods[index].viewers = pods[index].viewers < 3 ? 0 : pods[index].viewers * 0.97
                kept += pods[index].viewers
            } else {
                serving += 1
            }
        }
        guard serving > 0 else { return }
        let each = min(perNode, max(0, demand - kept) / Double(serving))
        for index in pods.indices where !pods[index].isLost && pods[index].readyAt <= second && !pods[index].isDraining
        {
            pods[index].viewers = each
        }
    }

    private mutating func report() {
        for index in pods.indices where second % 2 == 0 && pods[index].frozenUntil <= second {
            guard pods[index].readyAt <= second, !pods[index].isLost else { continue }
            pods[index].sequence += 1
            var report = NodeReport()
            report.sequence = pods[index].sequence
            report.state = pods[index].isDraining ? .draining : .serving
            report.viewers = Int(pods[index].viewers.rounded(.up))
            report.uptimeSeconds = 1
            pods[index].shown = report
        }
    }

    var nodes: [NodeEntry] {
        pods.compactMap { pod in
            guard let report = pod.shown, !pod.isLost, let id = NodeID(pod.name) else { return nil }
            return NodeEntry(
                record: NodeRecord(id: id, token: String(pod.token), role: .edge, state: report.state), report: report,
                leaseMilliseconds: 5_000)
        }
    }

    var workload: WorkloadStatus {
        WorkloadStatus(
            uid: "w", replicas: replicas,
            pods: pods.map { pod in
                PodStatus(
                    name: pod.name, uid: String(pod.uid), machine: pod.assignedAt <= second ? "m\(pod.machine)" : nil,
                    phase: pod.isLost ? .unknown : pod.readyAt - 5 > second ? .pending : .running, isReady: pod.isReady,
                    readySince: pod.readySince.map(Double.init), createdAt: Double(pod.created), restarts: pod.restarts,
                    deletionCost: pod.cost)
            })
    }
}
