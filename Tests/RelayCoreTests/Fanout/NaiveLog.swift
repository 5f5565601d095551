import NIOCore
import RelayCore
import Testing

/// A log kept in plain arrays that never forget, and answers by looking through all of them: what ``WireLog`` has to say.
struct NaiveLog {
    struct Item {
        var frame: Frame
        var length: Int
        var batch: Int
        var arrival: MonotonicTime
        /// Bytes and video sequence headers of all before it.
        var bytesBefore: Int
        var configsBefore: Int
        var isVideoConfig: Bool { frame.kind == .video && frame.flags.contains(.config) }
    }

    var limits: WireLog.Limits
    private(set) var items: [Item] = []
    private(set) var bytes: [UInt8] = []
    private var batches = 0
    private var firstHeldBatch = 0
    private var keysForgottenBefore = 0

    init(limits: WireLog.Limits) { self.limits = limits }

    var head: Int { items.count }
    private(set) var start = 0
    var held: ArraySlice<Item> { items[start...] }
    var heldBytes: Int { backlog(from: 0) }
    var hasVideo: Bool {
        items.enumerated().contains { $0.offset >= keysForgottenBefore && $0.element.frame.kind == .video }
    }
    var newestKey: Int? {
        let from = max(start, keysForgottenBefore)
        return items[from...].lastIndex { $0.frame.kind == .video && $0.frame.flags.contains(.key) }
    }

    mutating func append(_ frames: [(frame: Frame, length: Int)], contents: [UInt8], now: MonotonicTime) {
        for (frame, length) in frames {
            let last = items.last
            items.append(
                Item(
                    frame: frame, length: length, batch: batches, arrival: now,
                    bytesBefore: last.map { $0.bytesBefore + $0.length } ?? 0,
                    configsBefore: last.map { $0.configsBefore + ($0.isVideoConfig ? 1 : 0) } ?? 0))
        }
        bytes += contents
        batches += 1
        trim(now: now)
    }

    mutating func trim(now: MonotonicTime) {
        while firstHeldBatch < batches - 1 {
            let oldest = held.prefix { $0.batch == firstHeldBatch }
            let isOver = heldBytes > limits.bytes || held.count > limits.frames
            let isOld = oldest.allSatisfy { now - $0.arrival > limits.retention }
            let isBeforeKey = newestKey.map { $0 >= start + oldest.count } ?? true
            guard isOver || (isOld && isBeforeKey) else { return }
            firstHeldBatch += 1
            start += oldest.count
        }
    }

    mutating func forgetKeyframe() { keysForgottenBefore = head }

    func backlog(from position: Int) -> Int {
        let first = max(position, start)
        return first < head ? bytes.count - items[first].bytesBefore : 0
    }

    /// The bytes of the frames of a range.
    func contents(of range: Range<Int>) -> [UInt8] {
        let before = items[range.lowerBound].bytesBefore
        return Array(bytes[before..<before + items[range].reduce(0) { $0 + $1.length }])
    }

    /// Compares everything the real log tells.
    func check(_ log: borrowing WireLog, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(log.head == UInt64(head), sourceLocation: sourceLocation)
        #expect(log.start == UInt64(start), sourceLocation: sourceLocation)
        #expect(log.newestKey == newestKey.map { UInt64($0) }, sourceLocation: sourceLocation)
        #expect(log.heldBytes == heldBytes, sourceLocation: sourceLocation)
        #expect(log.heldFrames == held.count, sourceLocation: sourceLocation)
        #expect(log.totalBytes == UInt64(bytes.count), sourceLocation: sourceLocation)
        #expect(log.hasVideo == hasVideo, sourceLocation: sourceLocation)
        #expect(log.lastDts == items.last { $0.frame.kind != .data }?.frame.dts ?? 0, sourceLocation: sourceLocation)
        for position in [start - 2, start - 1, start, (start + head) / 2, head - 1, head, head + 1] where position >= 0
        {
            let entry = log.entry(at: UInt64(position))
            let batch = log.batch(holding: UInt64(position))
            guard (start..<head).contains(position) else {
                #expect(entry == nil && batch == nil, sourceLocation: sourceLocation)
                continue
            }
            let item = items[position]
            #expect(entry?.dts == item.frame.dts, sourceLocation: sourceLocation)
            #expect(entry?.flags == item.frame.flags, sourceLocation: sourceLocation)
            #expect(batch?.arrival == item.arrival, sourceLocation: sourceLocation)
            let first = (items.lastIndex { $0.batch < item.batch } ?? -1) + 1
            let end = (items.lastIndex { $0.batch == item.batch } ?? -1) + 1
            #expect(batch.map { [$0.first, $0.end] } == [UInt64(first), UInt64(end)], sourceLocation: sourceLocation)
            #expect(log.backlog(from: UInt64(position)) == backlog(from: position), sourceLocation: sourceLocation)
            let range = UInt64(position)..<UInt64(end)
            #expect(
                log.bytes(of: range).map { Array($0.readableBytesView) } == contents(of: position..<end),
                sourceLocation: sourceLocation)
            // A range that reaches into the next batch has no contiguous bytes.
            #expect(log.bytes(of: UInt64(position)..<UInt64(end + 1)) == nil, sourceLocation: sourceLocation)
        }
    }
}

/// Makes batches as an encoder would: a keyframe now and then with its sequence header before it, disposable frames between
/// the others, audio in between.
struct BatchMaker {
    var generator: SeededGenerator
    var hasVideo = true
    var keyChance = 12
    private(set) var nextID: UInt64 = 0
    private(set) var version = 0

    private var batchesWithoutVideo = 0

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// Another publisher: a while of audio, then headers and a keyframe.
    mutating func beginSession() { batchesWithoutVideo = .random(in: 1...20, using: &generator) }

    /// Frames of one flush with the length of each.
    mutating func frames(isFirst: Bool = false, keyFirst: Bool = false) -> [(frame: Frame, length: Int)] {
        var frames: [(frame: Frame, length: Int)] = []
        if batchesWithoutVideo > 1 {
            batchesWithoutVideo -= 1
            return [next(.audio, flags: [])]
        }
        let isReturn = hasVideo && batchesWithoutVideo == 1
        batchesWithoutVideo = 0
        if keyFirst || isReturn || (hasVideo && Int.random(in: 0..<keyChance, using: &generator) == 0) {
            if Bool.random(using: &generator) || isFirst || isReturn {
                version += 1
                frames.append(next(.video, flags: .config))
            }
            frames.append(next(.video, flags: .key))
        }
        for _ in 0..<Int.random(in: frames.isEmpty ? 1...6 : 0...6, using: &generator) {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: frames.append(next(.audio, flags: []))
            case 1 where hasVideo: frames.append(next(.video, flags: .disposable))
            case 2 where Int.random(in: 0..<6, using: &generator) == 0: frames.append(next(.data, flags: .config))
            case _ where hasVideo: frames.append(next(.video, flags: []))
            default: frames.append(next(.audio, flags: []))
            }
        }
        return frames
    }

    private mutating func next(_ kind: MediaKind, flags: FrameFlags) -> (frame: Frame, length: Int) {
        let length =
            flags == .key ? Int.random(in: 50...200, using: &generator) : .random(in: 1...30, using: &generator)
        defer { nextID += 1 }
        return (.test(nextID, kind, dts: Int64(nextID) * 11, flags: flags, size: length), length)
    }

    /// The bytes of a batch: each frame's body, so that a wrong cut is seen.
    static func buffer(_ frames: [(frame: Frame, length: Int)], prefix: Int) -> ByteBuffer {
        var buffer = ByteBuffer(repeating: 0xEE, count: 5 + prefix)
        buffer.moveReaderIndex(forwardBy: 5)
        for (frame, _) in frames { buffer.writeImmutableBuffer(frame.body) }
        return buffer
    }
}
