import RelayAPI

/// How far the drain of the node that is asked is: judged from its own answers, so that a registry that is away does not
/// keep a pod from ending.
struct OwnDrainProgress {
    private let node: String
    private let deadline: Duration
    private var hasBegun = false

    init(node: String, deadline: Duration) {
        self.node = node
        self.deadline = deadline
    }

    /// - Parameters:
    ///   - status: nil when there was no answer, for which `failure` is the reason.
    ///   - time: since the order was given.
    /// - Returns: what to show, not yet escaped, and whether it is over.
    mutating func look(
        at status: DrainStatus?, failing failure: Failure?, after time: Duration
    ) -> (line: String?, end: DrainProgress.End?) {
        let late: DrainProgress.End? =
            time > deadline + DrainProgress.patience
            ? .failed(.interrupted("\(node) is past its deadline and not empty.")) : nil
        guard let status else {
            // A node that has drained ends itself, and nothing answers at its address any more.
            if hasBegun, case .unreachable = failure { return ("\(node) is gone.", .done) }
            return (nil, late)
        }
        guard status.isDraining else {
            if hasBegun { return (nil, .failed(.refused("\(node) does not drain any more."))) }
            // It learns of the order from the registry, a beat later.
            let never = DrainProgress.End.failed(
                .interrupted("\(node) has not begun to drain; does it reach the registry?"))
            return ("\(node) has not begun to drain.", time > DrainProgress.patience ? never : nil)
        }
        hasBegun = true
        if status.publishers <= 0, status.children <= 0, status.viewers <= 0 {
            return ("\(node) is empty. It may be stopped now.", .done)
        }
        let left = DrainProgress.left(
            publishers: status.publishers, children: status.children, viewers: status.viewers)
        let time = status.secondsLeft.map { ", \(Units.duration(seconds: $0)) until they are ended" } ?? ""
        return ("\(node) drains, left: \(left)\(time).", late)
    }
}
