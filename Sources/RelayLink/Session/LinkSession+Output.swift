package import NIOCore
package import RelayCore

extension LinkSession {
    /// Whether ``takeOutput(limit:now:)`` has something to give. It may still give nil, when all that waited was too late.
    package var hasOutput: Bool {
        outbox.readableBytes > 0 || (isOpen && (isPingDue || isPongDue || !outgoing.isIdle))
    }

    /// The next bytes to write, best first: control, then audio, then video, the subscriptions in turns. At most `limit` bytes,
    /// but for control messages, which go all at once, and a frame that is longer, which goes alone: none is ever split. Called while the socket is writable, with no more than
    /// it takes soon: what is not taken can still be left out.
    ///
    /// - Returns: nil when there is nothing to write.
    package mutating func takeOutput(limit: Int, now: MonotonicTime) -> ByteBuffer? {
        lastSeen = max(lastSeen, now)
        var out = outbox
        outbox = ByteBuffer()
        if isOpen {
            if isPingDue {
                isPingDue = false
                lastPing = now
                clock.ping(now: now).encode(into: &out)
            }
            if isPongDue, let (ping, at) = pingToAnswer {
                pingToAnswer = nil
                lastPong = now
                LinkPong(pingSentAt: ping.sentAt, receivedAt: clock.read(at), sentAt: clock.read(now)).encode(
                    into: &out)
            }
            if !outgoing.isIdle {
                // Once for all frames; their headers are small.
                out.reserveCapacity(minimumWritableBytes: min(limit, outgoing.queuedBytes &+ 1_024))
                outgoing.write(into: &out, limit: limit, cap: settings.maxControlBytes, now: now)
            }
        }
        guard out.readableBytes > 0 else { return nil }
        lastOutput = now
        return out
    }
}
