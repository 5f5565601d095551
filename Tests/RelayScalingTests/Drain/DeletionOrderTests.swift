import RelayScaling
import Testing

@Suite("Deletion order of the ReplicaSet controller")
struct DeletionOrderTests {
    static let ready = PodStatus(name: "m", machine: "x", readySince: 100, createdAt: 50)

    /// A pod that goes before `ready`, by one rule each.
    static let earlier: [(rule: String, pod: PodStatus)] = [
        ("on no machine", PodStatus(name: "z", machine: nil, readySince: 100, createdAt: 50)),
        ("pending", PodStatus(name: "z", machine: "y", phase: .pending, readySince: 100, createdAt: 50)),
        ("unknown", PodStatus(name: "z", machine: "y", phase: .unknown, readySince: 100, createdAt: 50)),
        ("not ready", PodStatus(name: "z", machine: "y", isReady: false, createdAt: 50)),
        ("cheaper", PodStatus(name: "z", machine: "y", readySince: 100, createdAt: 50, deletionCost: -1)),
        ("ready for less time", PodStatus(name: "z", machine: "y", readySince: 200, createdAt: 50)),
        ("more restarts", PodStatus(name: "z", machine: "y", readySince: 100, createdAt: 50, restarts: 1)),
        ("newer", PodStatus(name: "z", machine: "y", readySince: 100, createdAt: 60)),
    ]

    @Test("each rule puts a pod first", arguments: 0..<DeletionOrderTests.earlier.count)
    func eachRule(index: Int) {
        let pod = Self.earlier[index].pod
        #expect(DeletionOrder.sorted([Self.ready, pod]).first?.name == "z", "\(Self.earlier[index].rule)")
        #expect(DeletionOrder.sorted([pod, Self.ready]).first?.name == "z", "\(Self.earlier[index].rule)")
    }

    @Test("rules outrank the ones below them: pending before a low cost, not ready before a low cost")
    func precedence() {
        let cheap = PodStatus(name: "cheap", machine: "x", readySince: 1, createdAt: 1, deletionCost: -1_000)
        let unready = PodStatus(name: "unready", machine: "y", isReady: false, createdAt: 1, deletionCost: 5)
        let pending = PodStatus(
            name: "pending", machine: "y", phase: .pending, isReady: false, createdAt: 1, deletionCost: 9)
        #expect(DeletionOrder.sorted([cheap, unready, pending]).map(\.name) == ["pending", "unready", "cheap"])
    }

    @Test("of equal pods, those go first that share their machine with more of them")
    func spread() {
        let pods = [("a", "one"), ("b", "two"), ("c", "two")].map {
            PodStatus(name: $0.0, machine: $0.1, readySince: 100, createdAt: 50)
        }
        #expect(DeletionOrder.sorted(pods).last?.name == "a")
    }

    @Test("pods that terminate already do not count")
    func terminating() {
        let pod = PodStatus(name: "t", machine: "x", isTerminating: true)
        #expect(DeletionOrder.sorted([pod, Self.ready]).map(\.name) == ["m"])
    }
}
