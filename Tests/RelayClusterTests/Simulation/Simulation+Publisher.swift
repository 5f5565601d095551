import RelayCluster
import RelayCore

/// Publishers: they try one origin after the other, each second, for ever.
extension Simulation {
    static let mediaEvery = Duration.milliseconds(50)

    func connect(_ publisher: SimPublisher) {
        guard publisher.isActive, !publisher.isConnected else { return }
        publisher.session += 1
        publisher.origin = (publisher.origin + 1) % 3
        publisher.isConnected = true
        publisher.isStarted = false
        publisher.heard = now
        publisher.sent = 0
        trace("publisher \(publisher.index) to \(publisher.origin)", UInt64(publisher.index))
        send(
            .publish(session: session(publisher), isBackup: publisher.isBackup), from: publisher.index,
            to: publisher.origin,
            lane: 2)
        queue.add(.media(publisher: publisher.index, session: publisher.session), at: now + Self.mediaEvery)
    }

    /// Unique over both publishers.
    private func session(_ publisher: SimPublisher) -> Int { publisher.session * 2 + publisher.index - 8 }

    func hear(_ publisher: SimPublisher, _ message: Message, from: Int) {
        switch message {
        case .started(let session) where session == self.session(publisher):
            publisher.isStarted = true
            publisher.heard = now
        case .refused(let session) where session == self.session(publisher),
            .dropped(let session) where session == self.session(publisher):
            disconnect(publisher)
        default: break
        }
    }

    private func disconnect(_ publisher: SimPublisher) {
        guard publisher.isConnected else { return }
        publisher.isConnected = false
        publisher.isStarted = false
        queue.add(.publisher(publisher.index), at: now + .seconds(1))
    }

    func sendMedia(_ publisher: SimPublisher, _ number: Int) {
        guard publisher.isConnected, publisher.session == number else { return }
        let origin = origins[publisher.origin]
        // Its TCP stack hears from the other one, or does not.
        if origin.isAlive, !origin.isFrozen, !isCut(origin.index, publisher.index),
            !isCut(publisher.index, origin.index)
        {
            if publisher.isStarted { publisher.heard = now }
        }
        // Nobody answered, or nothing was heard of it for too long.
        if now - publisher.heard > .seconds(3) || !origin.isAlive && !isCut(origin.index, publisher.index) {
            send(.dropped(session: session(publisher)), from: publisher.index, to: origin.index, lane: 2)
            return disconnect(publisher)
        }
        queue.add(.media(publisher: publisher.index, session: number), at: now + Self.mediaEvery)
        guard publisher.isStarted else { return }
        // A keyframe a second; of the others each third is disposable.
        let kind: MediaKind = publisher.sent.isMultiple(of: 2) ? .video : .audio
        let picture = publisher.sent / 2
        send(
            .publisherFrame(
                session: session(publisher), kind: kind, isKey: kind == .video && picture.isMultiple(of: 10),
                isDisposable: kind == .video && picture % 10 % 3 == 2), from: publisher.index, to: origin.index, lane: 2
        )
        publisher.sent += 1
    }

    func sayGoodbye(_ publisher: SimPublisher) {
        guard publisher.isConnected, publisher.isStarted else { return }
        send(.goodbye(session: session(publisher)), from: publisher.index, to: publisher.origin, lane: 2)
        publisher.isConnected = false
        publisher.isStarted = false
        queue.add(.publisher(publisher.index), at: now + random.milliseconds(500...4_000))
    }
}
