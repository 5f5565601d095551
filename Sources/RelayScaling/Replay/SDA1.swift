import DequeModule

/// SDA-1, the yardstick of scaling decisions, version 1.
///
/// At every epoch of 60 s the replicas asked for are compared with the smallest fleet that would have met the planned
/// utilisation over the time that this decision binds, [now + lead, now + lead + hold].
package enum SDA1 {
    /// Whether `replicas` lie between 2 % below (rounded down) and 10 % above (rounded up, 1 at least) the oracle's.
    package static func isRight(_ replicas: Int, oracle: Int) -> Bool {
        isWithin(replicas, oracle: oracle, below: 2, above: 10)
    }

    /// The same with other limits in whole percent; `above` allows one replica at least, as above.
    package static func isWithin(_ replicas: Int, oracle: Int, below: Int, above: Int) -> Bool {
        let allowedBelow = oracle * below / 100
        let allowedAbove = max(1, (oracle * above + 99) / 100)
        return replicas >= oracle - allowedBelow && replicas <= oracle + allowedAbove
    }

    /// Highest of `values` in each window [i + first, i + last]; shorter than `values` by `last`.
    package static func highest(_ values: [Double], first: Int, last: Int) -> [Double] {
        guard first >= 0, first <= last, values.count > last else { return [] }
        var queue: Deque<Int> = []
        var answer: [Double] = []
        answer.reserveCapacity(values.count - last)
        for index in first..<values.count {
            while let back = queue.last, values[back] <= values[index] { queue.removeLast() }
            queue.append(index)
            guard index >= last else { continue }
            let start = index - last + first
            while let front = queue.first, front < start { queue.removeFirst() }
            if let front = queue.first { answer.append(values[front]) }
        }
        return answer
    }
}
