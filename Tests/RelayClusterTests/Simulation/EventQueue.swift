import RelayCore

/// Events of a simulated cluster by time, and by the order in which they were made where times are equal.
struct EventQueue {
    private struct Entry {
        var at: Int64
        var order: UInt32
        var slot: Int32

        static func < (one: Entry, other: Entry) -> Bool {
            one.at != other.at ? one.at < other.at : one.order < other.order
        }
    }

    private var heap: [Entry] = []
    private var slots: [SimEvent?] = []
    private var free: [Int32] = []
    private var made: UInt32 = 0

    mutating func add(_ event: SimEvent, at time: MonotonicTime) {
        let slot: Int32
        if let reused = free.popLast() {
            slot = reused
            slots[Int(slot)] = event
        } else {
            slot = Int32(slots.count)
            slots.append(event)
        }
        made += 1
        heap.append(Entry(at: time.nanoseconds, order: made, slot: slot))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (event: SimEvent, at: MonotonicTime)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [parent * 2 + 1, parent * 2 + 2] where child < heap.count && heap[child] < heap[least] {
                    least = child
                }
                if least == parent { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        let event = slots[Int(first.slot)]
        slots[Int(first.slot)] = nil
        free.append(first.slot)
        return event.map { ($0, MonotonicTime(nanoseconds: first.at)) }
    }
}
