package import RelayCore

/// Admits at most so many in any window of time, exactly (P20): the instants of the last ones are kept.
package struct SlidingWindow: Sendable, Hashable {
    private let limit: Int
    private let window: Duration
    /// The instants admitted, a ring of at most `limit`, whose oldest is at `next` once it is full.
    private var admitted: [MonotonicTime] = []
    private var next = 0

    /// - Parameter limit: Of a window; 0 admits none.
    package init(limit: Int, window: Duration) {
        self.limit = max(0, limit)
        self.window = window
    }

    /// Whether one more fits, without taking it.
    package func hasRoom(now: MonotonicTime) -> Bool {
        guard limit > 0 else { return false }
        guard admitted.count == limit else { return true }
        return admitted[next] + window <= now
    }

    /// Takes one; false when the window is full.
    package mutating func take(now: MonotonicTime) -> Bool {
        guard hasRoom(now: now) else { return false }
        if admitted.count < limit {
            admitted.append(now)
        } else {
            admitted[next] = now
            next = (next + 1) % limit
        }
        return true
    }

    /// Whether it is as good as new.
    func isEmpty(now: MonotonicTime) -> Bool {
        guard !admitted.isEmpty else { return true }
        let newest = admitted.count < limit ? admitted.count - 1 : (next + limit - 1) % limit
        return admitted[newest] + window <= now
    }
}

/// How many lookups of streams that are not known here a node, and each address, may cause: an edge in front of a crowd of wrong
/// names must not become a flood at the registry (F22: at most 500 a second).
package struct LookupBudget: Sendable {
    private let perAddress: Int
    private let window: Duration
    private var node: SlidingWindow
    private var addresses: [String: SlidingWindow] = [:]
    private var sweepAt = MonotonicTime.zero

    /// - Parameters:
    ///   - perNode: Lookups in any window, of all addresses together. Also bounds how many addresses are remembered: one that
    ///     caused none in the last window is forgotten.
    ///   - perAddress: Of one address.
    package init(perNode: Int = 500, perAddress: Int = 50, window: Duration = .seconds(1)) {
        self.perAddress = perAddress
        self.window = window
        node = SlidingWindow(limit: perNode, window: window)
    }

    /// Lookups refused because of the node's bound, whoever asked.
    package private(set) var exhausted: UInt64 = 0
    /// Addresses remembered.
    package var addressCount: Int { addresses.count }

    /// Takes a lookup for an address (without its port; nil = one without a bound of its own); false = ``RelayCode/lookupRate``.
    package mutating func take(address: String?, now: MonotonicTime) -> Bool {
        sweep(now: now)
        guard node.hasRoom(now: now) else {
            exhausted &+= 1
            return false
        }
        guard let address else { return node.take(now: now) }
        var own = addresses[address] ?? SlidingWindow(limit: perAddress, window: window)
        guard own.take(now: now) else { return false }
        addresses[address] = own
        return node.take(now: now)
    }

    private mutating func sweep(now: MonotonicTime) {
        guard sweepAt <= now else { return }
        sweepAt = now + window
        addresses = addresses.filter { !$0.value.isEmpty(now: now) }
    }
}
