/// A flat array of plain values that grows only when asked: what the fleet model keeps its hundreds of thousands of rows in.
/// Indices are checked in debug builds only, since each tick looks at all rows.
struct FleetColumn<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count: Int

    init(repeating value: Element, count: Int) {
        self.count = max(count, 1)
        base = .allocate(capacity: self.count)
        base.initialize(repeating: value, count: self.count)
    }

    deinit { base.deallocate() }

    /// Doubles the room; new rows hold `value`.
    mutating func grow(with value: Element) {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: count * 2)
        larger.update(from: base, count: count)
        (larger + count).initialize(repeating: value, count: count)
        base.deallocate()
        base = larger
        count *= 2
    }

    @inline(__always)
    subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < count)
            return base[index]
        }
        nonmutating _modify {
            assert(index >= 0 && index < count)
            yield &base[index]
        }
    }

    @inline(__always)
    subscript(index: Int32) -> Element {
        get { self[Int(index)] }
        nonmutating _modify { yield &self[Int(index)] }
    }
}
