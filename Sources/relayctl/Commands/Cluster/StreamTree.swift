import RelayAPI

/// The parts of a stream as a tree: the owner, below it who pulls from it, below those who pulls from them.
enum StreamTree {
    /// Deeper parts are drawn at this depth. Real trees have a few levels; an answer may claim any.
    static let maximumDepth = 16

    struct Row {
        /// `|  +- ` before the node's name.
        var branch: String
        var part: StreamPart
    }

    /// All parts, each once: parents before their children, otherwise in the order given. What has no parent here, or
    /// only one in a circle, is a root.
    static func rows(_ parts: [StreamPart]) -> [Row] {
        var childrenOf: [String: [Int]] = [:]
        let names = Set(parts.map(\.node))
        var roots: [Int] = []
        for (index, part) in parts.enumerated() {
            if let parent = part.parent, parent != part.node, names.contains(parent) {
                childrenOf[parent, default: []].append(index)
            } else {
                roots.append(index)
            }
        }
        var rows: [Row] = []
        var isDrawn = Array(repeating: false, count: parts.count)
        func draw(from root: Int) {
            var pending = [(index: root, branch: "", below: "", depth: 0)]
            while let next = pending.popLast() {
                guard !isDrawn[next.index] else { continue }
                isDrawn[next.index] = true
                rows.append(Row(branch: next.branch, part: parts[next.index]))
                // Two parts of one node: its children stand below the first.
                let children = childrenOf.removeValue(forKey: parts[next.index].node) ?? []
                let isFlat = next.depth >= maximumDepth
                for (position, child) in children.enumerated().reversed() {
                    pending.append(
                        (
                            child, isFlat ? next.branch : next.below + "+- ",
                            isFlat ? next.below : next.below + (position == children.count - 1 ? "   " : "|  "),
                            next.depth + 1
                        ))
                }
            }
        }
        for root in roots { draw(from: root) }
        for index in parts.indices where !isDrawn[index] { draw(from: index) }
        return rows
    }
}
