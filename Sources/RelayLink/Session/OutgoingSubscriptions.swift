import DequeModule
import NIOCore
import RelayCore

/// The parent's side: the subscriptions of the peer, their queues, and whose turn it is.
///
/// Those that have something to send stand in one of three rings, by what is next in their queue: control before audio before
/// video. Within a ring they take turns, and each gets the same number of bytes over time (deficit round robin, Shreedhar and
/// Varghese 1995), so that one with large frames does not starve the rest.
struct OutgoingSubscriptions: Sendable {
    struct Subscription: Sendable {
        let id: UInt64
        var queue: LinkSendQueue
        var isAccepted = false
        var isEnding = false
        /// The subscriber left; the place is reused once the ring has let go of it.
        var isGone = false
        var isInRing = false
        /// Bytes it may send in this turn; negative after a large frame.
        var deficit = 0
    }

    /// Bytes of one turn: a few packets, so that on a slow link a round of many subscriptions stays far below their age limit.
    private static let quantum = 4 << 10

    private var subscriptions: [Subscription] = []
    private var freePlaces: [Int] = []
    private var placeOf: [UInt64: Int] = [:]
    private var control = Deque<Int>()
    private var audio = Deque<Int>()
    private var video = Deque<Int>()
    /// Bytes of all queued frames.
    private(set) var queuedBytes = 0

    var count: Int { placeOf.count }
    /// Places ever needed at the same time.
    var places: Int { subscriptions.count }
    var isIdle: Bool { control.isEmpty && audio.isEmpty && video.isEmpty }
    func contains(_ id: UInt64) -> Bool { placeOf[id] != nil }

    func status(of id: UInt64, now: MonotonicTime) -> LinkQueueStatus? {
        guard let place = placeOf[id], subscriptions.indices.contains(place) else { return nil }
        return subscriptions[place].queue.status(now: now)
    }

    mutating func add(_ id: UInt64, limits: LinkQueueLimits) {
        let subscription = Subscription(id: id, queue: LinkSendQueue(limits: limits))
        if let place = freePlaces.popLast(), subscriptions.indices.contains(place) {
            subscriptions[place] = subscription
            placeOf[id] = place
        } else {
            placeOf[id] = subscriptions.count
            subscriptions.append(subscription)
        }
    }

    /// - Returns: Whether it was ending already; nil when there is none.
    mutating func remove(_ id: UInt64) -> Bool? {
        guard let place = placeOf.removeValue(forKey: id), subscriptions.indices.contains(place) else { return nil }
        let wasEnding = subscriptions[place].isEnding
        queuedBytes &-= subscriptions[place].queue.bytes
        // Forgets the frames at once, wherever the place stands.
        subscriptions[place].queue = LinkSendQueue(limits: subscriptions[place].queue.limits)
        subscriptions[place].isGone = true
        if !subscriptions[place].isInRing { freePlaces.append(place) }
        return wasEnding
    }

    /// Changes a subscription and lets it stand in line if it has something to send now.
    ///
    /// - Returns: nil when there is none.
    @discardableResult
    mutating func update<Result>(_ id: UInt64, _ change: (inout Subscription) -> Result) -> Result? {
        guard let place = placeOf[id], subscriptions.indices.contains(place) else { return nil }
        let before = subscriptions[place].queue.bytes
        let result = change(&subscriptions[place])
        queuedBytes &+= subscriptions[place].queue.bytes &- before
        if !subscriptions[place].isInRing { line(up: place) }
        return result
    }

    private mutating func line(up place: Int) {
        guard let urgency = subscriptions[place].queue.urgency else {
            subscriptions[place].isInRing = false
            return
        }
        subscriptions[place].isInRing = true
        switch urgency {
        case .control: control.append(place)
        case .audio: audio.append(place)
        case .video: video.append(place)
        }
    }

    /// Serialises what is best to send now, at most `limit` bytes in all behind what is in the buffer; a frame that is longer goes
    /// alone.
    mutating func write(into buffer: inout ByteBuffer, limit: Int, cap: Int, now: MonotonicTime) {
        var hasRoom = buffer.readableBytes < limit
        while hasRoom {
            if let place = control.popFirst() {
                hasRoom = serve(place, as: .control, into: &buffer, limit: limit, cap: cap, now: now)
            } else if let place = audio.popFirst() {
                hasRoom = serve(place, as: .audio, into: &buffer, limit: limit, cap: cap, now: now)
            } else if let place = video.popFirst() {
                hasRoom = serve(place, as: .video, into: &buffer, limit: limit, cap: cap, now: now)
            } else {
                return
            }
        }
    }

    /// - Returns: False when the buffer is full.
    private mutating func serve(
        _ place: Int, as turn: LinkSendQueue.Urgency, into buffer: inout ByteBuffer, limit: Int, cap: Int,
        now: MonotonicTime
    ) -> Bool {
        guard subscriptions.indices.contains(place) else { return true }
        if subscriptions[place].isGone {
            freePlaces.append(place)
            return true
        }
        let isAlone = control.isEmpty && audio.isEmpty && video.isEmpty
        let bytes = subscriptions[place].queue.bytes
        // What is small and urgent does not wait for the debt of a large frame before it.
        let debt = turn == .video && !isAlone ? subscriptions[place].deficit : 0
        var deficit = debt &+ (isAlone ? limit : Self.quantum)
        let id = subscriptions[place].id
        var isFull = false
        while deficit > 0, let urgency = subscriptions[place].queue.urgency, urgency <= turn {
            // What would not fit waits for the next buffer: one that has to grow costs more than a second one.
            let next = subscriptions[place].queue.headBytes &+ LinkFrame.maximumHeaderLength
            if buffer.readableBytes > 0, buffer.readableBytes &+ next > limit {
                isFull = true
                break
            }
            guard let item = subscriptions[place].queue.next(now: now) else { break }
            let start = buffer.readableBytes
            switch item {
            case .frame(let frame): LinkFrame.encode(frame, subscription: id, into: &buffer)
            case .skip(let from, let end, let reason):
                LinkSkip(subscription: id, from: from, count: end &- from, reason: reason).encode(into: &buffer)
            case .accept(let accept): accept.encode(id: id, cap: cap, into: &buffer)
            case .end(let reason, let lastFrameID):
                LinkEnded(id: id, reason: reason, lastFrameID: lastFrameID).encode(into: &buffer)
                queuedBytes &-= bytes
                placeOf[id] = nil
                subscriptions[place].isGone = true
                freePlaces.append(place)
                return true
            }
            deficit &-= buffer.readableBytes &- start
        }
        queuedBytes &+= subscriptions[place].queue.bytes &- bytes
        if isFull {
            // Its turn goes on with the next buffer.
            if turn == .video { subscriptions[place].deficit = isAlone ? 0 : deficit &- Self.quantum }
            switch turn {
            case .control: control.prepend(place)
            case .audio: audio.prepend(place)
            case .video: video.prepend(place)
            }
            return false
        }
        // Room that was not used is not saved up. A debt is, also by a queue that is empty now: its next large frame lets those
        // go first that wait as long.
        if turn == .video { subscriptions[place].deficit = isAlone ? 0 : min(deficit, 0) }
        line(up: place)
        return buffer.readableBytes < limit
    }
}
