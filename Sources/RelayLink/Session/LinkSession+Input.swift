import NIOCore
import RelayCore

extension LinkSession {
    /// Most frames handed out at once.
    private static let maximumGroup = 256

    /// Looks at one message.
    ///
    /// - Returns: False when there is nothing whole to look at, or input has to wait.
    mutating func step(now: MonotonicTime) throws(LinkError) -> Bool {
        if isClosed { return false }
        if let throttledUntil {
            guard now >= throttledUntil else { return false }
            self.throttledUntil = nil
            // The silence was ours.
            lastInput = max(lastInput, now)
        }
        if discarding > 0 {
            let count = min(discarding, input.readableBytes)
            input.moveReaderIndex(forwardBy: count)
            discarding &-= count
            if discarding > 0 { return false }
        }
        if case .hello = phase { try LinkHello.check(prefix: input) }
        if case .idle = phase { return false }
        let start = input.readerIndex
        guard let length: UInt32 = input.getInteger(at: start), let type: UInt8 = input.getInteger(at: start &+ 4)
        else {
            return false
        }
        let count = Int(clamping: length)
        guard count > 0 else { throw .malformed(type: type) }
        let known = LinkMessageType(rawValue: type)
        guard length <= cap(of: known) else { throw .messageTooLong(type: type, length: length) }
        guard isOpen else {
            guard let body = message(count) else { return false }
            flushGroup()
            try handshake(type, body, now: now)
            return true
        }
        guard let known else { return try discardUnknown(count, now: now) }
        guard let body = message(count) else { return false }
        if known == .frame {
            try frame(body)
        } else if try !control(known, body, now: now) {
            input.moveReaderIndex(to: start)
            return false
        }
        return true
    }

    private func cap(of type: LinkMessageType?) -> UInt32 {
        guard isOpen else { return LinkHello.maximumLength }
        // A type that is not known may be a new kind of media; it is not kept.
        return UInt32(clamping: type == .frame || type == nil ? settings.maxFrameBytes : settings.maxControlBytes)
    }

    /// The fields of the message at hand, once it is there whole.
    private mutating func message(_ length: Int) -> ByteBuffer? {
        guard input.readableBytes >= length &+ 4 else { return nil }
        input.moveReaderIndex(forwardBy: LinkWire.headerLength)
        return input.readSlice(length: length &- 1)
    }

    private mutating func discardUnknown(_ length: Int, now: MonotonicTime) throws(LinkError) -> Bool {
        guard hasBudget(now: now) else { return false }
        counters.unknownTypes &+= 1
        discarding = length &+ 4
        return true
    }

    /// Takes one request from the peer's budget; false when it has none left and input has to wait.
    private mutating func hasBudget(now: MonotonicTime) -> Bool {
        guard let end = rate.take(limit: settings.controlPerSecond, now: now) else { return true }
        counters.throttles &+= 1
        throttledUntil = end
        return false
    }

    /// - Returns: False when the message has to wait for the next second.
    private mutating func control(
        _ type: LinkMessageType, _ body: ByteBuffer, now: MonotonicTime
    ) throws(LinkError) -> Bool {
        do {
            switch type {
            case .skip:
                try skip(LinkSkip(from: body))
                return true
            case .ping:
                pingToAnswer = (try LinkPing(from: body), now)
                return true
            case .pong:
                if try !clock.take(LinkPong(from: body), now: now) { counters.unasked &+= 1 }
                return true
            case .accept:
                let (id, accept) = try LinkAccept.read(from: body)
                // The first answer was asked for; more are the parent's own idea.
                if incoming.isAccepted(id), !hasBudget(now: now) { return false }
                flushGroup()
                accepted(id, accept)
                return true
            case .refuse:
                flushGroup()
                try refused(LinkRefuse(from: body))
                return true
            case .end:
                flushGroup()
                try ended(LinkEnded(from: body))
                return true
            case .answer:
                flushGroup()
                let answer = try LinkAnswer(from: body)
                if queries.remove(answer.id) != nil {
                    actions.append(.answered(answer.id, answer.state))
                } else {
                    counters.unasked &+= 1
                }
                return true
            case .error:
                fail(farewell(body))
                return true
            default: break
            }
            guard hasBudget(now: now) else { return false }
            flushGroup()
            switch type {
            case .subscribe: try subscriptionAsked(LinkSubscribe.read(from: body))
            case .unsubscribe: try unsubscribed(LinkUnsubscribe(from: body))
            case .query: try asked(body)
            case .goAway:
                actions.append(.goAway(deadlineMilliseconds: try LinkGoAway(from: body).deadlineMilliseconds))
            default: throw LinkError.unexpected(type: type.rawValue)
            }
            return true
        } catch let error as LinkError {
            throw error
        } catch {
            throw .malformed(type: type.rawValue)
        }
    }

    /// The hot path: one lookup, no copy.
    private mutating func frame(_ body: ByteBuffer) throws(LinkError) {
        var fields = body
        let id: UInt64
        let frame: Frame?
        do {
            id = try fields.readVarint()
            frame = try LinkFrame.readFields(from: &fields)
        } catch {
            throw .malformed(type: LinkMessageType.frame.rawValue)
        }
        guard let frame else {
            counters.unknownTypes &+= 1
            return
        }
        switch incoming.take(frame.id, of: id) {
        case .inOrder:
            if group.isEmpty {
                groupID = id
            } else if groupID != id || group.count >= Self.maximumGroup {
                flushGroup()
                groupID = id
            }
            group.append(frame)
        case .outOfOrder: counters.outOfOrder &+= 1
        case .unknown: counters.unknownSubscription &+= 1
        }
    }

    private mutating func skip(_ skip: LinkSkip) {
        switch incoming.skip(skip.from, count: skip.count, of: skip.subscription) {
        case .inOrder:
            flushGroup()
            actions.append(.skipped(skip.subscription, from: skip.from, count: skip.count))
        case .outOfOrder: counters.outOfOrder &+= 1
        case .unknown: counters.unknownSubscription &+= 1
        }
    }
}
