import NIOCore

/// A dictionary of at most so many entries: the one written least lately goes when there is no room.
struct BoundedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var value: Value
        var stamp: UInt64
    }

    private let limit: Int
    private var slots: [Key: Slot] = [:]
    /// Every write, oldest first; those whose stamp is no longer the slot's are skipped.
    private var writes = CircularBuffer<(key: Key, stamp: UInt64)>()
    private var stamps: UInt64 = 0

    init(limit: Int) { self.limit = max(1, limit) }

    var count: Int { slots.count }

    subscript(key: Key) -> Value? { slots[key]?.value }

    /// Writes an entry as the newest.
    mutating func set(_ key: Key, _ value: Value) {
        stamps &+= 1
        slots[key] = Slot(value: value, stamp: stamps)
        writes.append((key, stamp: stamps))
        while slots.count > limit { dropOldest() }
        if writes.count > limit &* 4 { compact() }
    }

    mutating func remove(_ key: Key) { slots[key] = nil }

    /// Removes the oldest written entries that are no longer wanted, up to the first that is.
    mutating func removeOldest(while isOver: (Value) -> Bool) {
        while let oldest = writes.first {
            if let slot = slots[oldest.key], slot.stamp == oldest.stamp {
                guard isOver(slot.value) else { return }
                slots[oldest.key] = nil
            }
            writes.removeFirst()
        }
    }

    private mutating func dropOldest() {
        while let oldest = writes.popFirst() {
            if slots[oldest.key]?.stamp == oldest.stamp {
                slots[oldest.key] = nil
                return
            }
        }
    }

    /// Entries that are written again and again leave old writes behind.
    private mutating func compact() {
        var kept = CircularBuffer<(key: Key, stamp: UInt64)>()
        for write in writes where slots[write.key]?.stamp == write.stamp { kept.append(write) }
        writes = kept
    }
}
