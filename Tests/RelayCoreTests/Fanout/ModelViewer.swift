import NIOCore
import RelayCore
import Testing

/// A subscriber under test with the player behind it: takes what the queue gives, and checks that a player could use it.
struct ModelViewer {
    private(set) var queue: SubscriberQueue
    /// Positions delivered, in order.
    private(set) var delivered: [Int] = []
    private(set) var headerSteps = 0
    /// Batches taken by the fast path.
    private(set) var fast = 0
    private let joinedAt: Int
    /// Sequence header version that the player has; each config frame is one newer.
    private var version = 0
    private var hasHeadersSinceJump = false

    init(joining log: borrowing WireLog, now: MonotonicTime) {
        queue = SubscriberQueue(joining: log, now: now)
        joinedAt = Int(queue.cursor)
    }

    /// Offers a batch just appended; true when the fast path took it.
    mutating func take(_ batch: WireLog.Batch, _ model: NaiveLog) -> Bool {
        guard queue.take(batch, length: batch.buffer.readableBytes) else { return false }
        fast += 1
        deliver(Int(batch.first)..<Int(batch.end), model)
        return true
    }

    /// Asks for up to `steps` steps.
    mutating func pump(
        _ log: borrowing WireLog, _ model: NaiveLog, limits: SubscriberQueue.Limits, now: MonotonicTime, steps: Int
    ) {
        for _ in 0..<steps {
            switch queue.next(log: log, limits: limits, now: now) {
            case .idle:
                #expect(queue.isCaughtUp(with: log), "nothing is kept back")
                return
            case .headers:
                headerSteps += 1
                hasHeadersSinceJump = true
                version = versions(before: model.head, model)
            case .frames(let range):
                #expect(!range.isEmpty)
                #expect(log.bytes(of: range) != nil, "all in one batch")
                deliver(Int(range.lowerBound)..<Int(range.upperBound), model)
            }
        }
    }

    /// The account, and that its parts are what they are called.
    func checkLedger(_ log: borrowing WireLog, _ model: NaiveLog) {
        let ledger = queue.ledger(log: log)
        #expect(ledger.balances)
        #expect(ledger.offered == UInt64(model.head - joinedAt))
        #expect(ledger.sent == UInt64(delivered.count))
        #expect(log.backlog(from: queue.cursor) == model.backlog(from: Int(queue.cursor)))
    }

    private mutating func deliver(_ range: Range<Int>, _ model: NaiveLog) {
        for position in range {
            let frame = model.items[position].frame
            let isJump = position != (delivered.last.map { $0 + 1 } ?? joinedAt)
            if let last = delivered.last { #expect(position > last, "in order and never twice") }
            if isJump, !hasHeadersSinceJump {
                // Without headers only what a lagging subscriber can do without was left out: no audio, no configuration.
                for missed in ((delivered.last ?? joinedAt - 1) + 1)..<position {
                    let frame = model.items[missed].frame
                    #expect(
                        frame.kind == .video && frame.flags.isDisjoint(with: [.config, .key]), "left out \(missed)")
                }
            }
            if delivered.isEmpty { #expect(headerSteps > 0, "headers come first") }
            hasHeadersSinceJump = false
            delivered.append(position)
            guard frame.kind == .video else { continue }
            if frame.flags.contains(.config) {
                version = versions(before: position + 1, model)
                continue
            }
            #expect(version == versions(before: position, model), "the sequence header in force is known")
            if !frame.flags.contains(.key) { checkReference(of: position, model) }
        }
    }

    /// The frame that this one refers to, directly: the last one before it that is not disposable.
    private func checkReference(of position: Int, _ model: NaiveLog) {
        let reference = model.items[..<position].lastIndex {
            $0.frame.kind == .video && $0.frame.flags.isDisjoint(with: [.config, .disposable])
        }
        guard let reference else {
            Issue.record("frame \(position) was given without any keyframe")
            return
        }
        // Delivered positions are in order, so a search from the end is short.
        #expect(
            delivered.reversed().first { $0 <= reference } == reference,
            "frame \(position) refers to \(reference), which was left out")
    }

    private func versions(before position: Int, _ model: NaiveLog) -> Int {
        guard let last = model.items[..<position].last else { return 0 }
        return last.configsBefore + (last.isVideoConfig ? 1 : 0)
    }
}
