import RelayAPI

/// How far a drain is, as seen from outside: judged from one list of nodes after the other.
struct DrainProgress {
    /// How long a node may take until the list shows it draining: a renewal and a report, several times over.
    static let patience = Duration.seconds(30)

    enum End {
        case done
        case failed(Failure)
    }

    private let node: String
    private let deadline: Duration
    private var wasSeen = false
    /// Of the report that stood when the node was first seen draining; it may be from before.
    private var firstSequence: UInt64?

    init(node: String, deadline: Duration) {
        self.node = node
        self.deadline = deadline
    }

    /// - Parameters:
    ///   - list: nil when there was no answer.
    ///   - time: since the order was given.
    /// - Returns: what to show, not yet escaped, and whether it is over. A list that is old proves nothing.
    mutating func look(at list: ClusterNodeList?, after time: Duration) -> (line: String?, end: End?) {
        let isLate = time > deadline + Self.patience
        let late = End.failed(
            .interrupted("\(node) is past its deadline and not empty; relayctl nodes shows what is left."))
        guard let list else { return (nil, isLate ? late : nil) }
        guard list.registry.state != "away" else { return (ClusterText.away(list.registry), isLate ? late : nil) }
        guard let entry = list.nodes.first(where: { $0.node == node }) else {
            return wasSeen
                ? ("\(node) is gone from the cluster.", .done)
                : (nil, .failed(.refused("There is no node \(node) in the cluster; relayctl nodes lists them.")))
        }
        wasSeen = true
        guard entry.state == "draining" else {
            if firstSequence != nil {
                let state = Escape.forTerminal(entry.state)
                return (nil, .failed(.refused("\(node) does not drain any more: it is \(state).")))
            }
            let failure = Failure.interrupted("\(node) has not begun to drain; does it reach the registry?")
            return ("\(node) is still \(entry.state).", time > Self.patience ? .failed(failure) : nil)
        }
        guard let report = entry.report else {
            firstSequence = firstSequence ?? 0
            return ("\(node) drains; it has not reported yet.", isLate ? late : nil)
        }
        let first = firstSequence ?? report.sequence
        firstSequence = first
        if report.sequence > first, report.publishers <= 0, report.children <= 0, report.viewers <= 0 {
            return ("\(node) is empty. It may be stopped now; relayctl undrain \(node) takes it back.", .done)
        }
        let left = Self.left(publishers: report.publishers, children: report.children, viewers: report.viewers)
        return ("\(node) drains, left: \(left).", isLate ? late : nil)
    }

    /// What a draining node still has.
    static func left(publishers: Int, children: Int, viewers: Int) -> String {
        "\(Prose.count(publishers, "publisher")), \(Prose.count(children, "pull")) by other nodes, "
            + Prose.count(viewers, "viewer")
    }
}
