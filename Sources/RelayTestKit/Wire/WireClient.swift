import Foundation
import Glibc

/// One TCP connection to 127.0.0.1 that does exactly what it is told: bytes whole or in pieces, half closes, resets. Blocking,
/// so it belongs on a thread (``onThread(_:)``); not for use from two threads.
package final class WireClient {
    /// What a read gave.
    package enum Received: Equatable {
        case bytes([UInt8])
        /// The server closed its side, or reset the connection.
        case end
        /// Nothing came in time.
        case nothing
    }

    private var descriptor: Int32

    /// Connects.
    ///
    /// - Parameters:
    ///   - source: an address of 127.0.0.0/8 to come from.
    ///   - receiveBuffer: SO_RCVBUF, bytes; a small one makes a slow reader slow sooner.
    /// - Throws: `POSIXError`.
    package init(port: Int, source: String = "127.0.0.1", receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        var local = Self.address(source, 0)
        var remote = Self.address("127.0.0.1", UInt16(port))
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let done = withUnsafeBytes(of: &local) { local in
            withUnsafeBytes(of: &remote) { remote in
                let local = local.baseAddress?.assumingMemoryBound(to: sockaddr.self)
                let remote = remote.baseAddress?.assumingMemoryBound(to: sockaddr.self)
                return bind(descriptor, local, size) == 0 && connect(descriptor, remote, size) == 0
            }
        }
        guard done else {
            let code = POSIXErrorCode(rawValue: errno) ?? .ECONNREFUSED
            Glibc.close(descriptor)
            descriptor = -1
            throw POSIXError(code)
        }
    }

    deinit { close() }

    private static func address(_ text: String, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, text, &address.sin_addr)
        return address
    }

    // MARK: Sending

    /// Sends all bytes, as far as the server takes them.
    ///
    /// - Returns: the bytes that were taken; fewer when the server closed or did not read for `limit`.
    @discardableResult
    package func send(_ bytes: [UInt8], within limit: Duration = .seconds(10)) -> Int {
        let deadline = ContinuousClock.now + limit
        var sent = 0
        while sent < bytes.count {
            guard wait(POLLOUT, until: deadline) else { break }
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.send(
                    descriptor, bytes.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    /// One byte per segment.
    package func sendOneByOne(_ bytes: [UInt8]) {
        for byte in bytes where send([byte]) == 0 { return }
    }

    /// Two segments.
    package func send(_ bytes: [UInt8], splitAt index: Int) {
        send(Array(bytes[..<index]))
        send(Array(bytes[index...]))
    }

    /// Closes our side and goes on reading (FIN).
    package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes with RST.
    package func reset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        close()
    }

    /// Closes; harmless when closed already.
    package func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    // MARK: Receiving

    /// What comes next.
    package func receive(within limit: Duration = .seconds(5), atMost count: Int = 65_536) -> Received {
        let deadline = ContinuousClock.now + limit
        var buffer = [UInt8](repeating: 0, count: count)
        while wait(POLLIN, until: deadline) {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { return .bytes(Array(buffer[..<count])) }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            return .end
        }
        return .nothing
    }

    /// Exactly so many bytes; nil when the end or the limit came first.
    package func read(_ count: Int, within limit: Duration = .seconds(5)) -> [UInt8]? {
        let deadline = ContinuousClock.now + limit
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard case .bytes(let more) = receive(within: deadline - .now, atMost: count - bytes.count) else {
                return nil
            }
            bytes += more
        }
        return bytes
    }

    /// Everything up to the end.
    ///
    /// - Returns: the bytes, and how long the end took; nil when it did not come in time.
    package func readToEnd(within limit: Duration) -> (bytes: [UInt8], after: Duration)? {
        let start = ContinuousClock.now
        var bytes: [UInt8] = []
        while true {
            switch receive(within: start + limit - .now) {
            case .bytes(let more): if bytes.count < 1 << 20 { bytes += more }
            case .end: return (bytes, .now - start)
            case .nothing: return nil
            }
        }
    }

    private func wait(_ events: Int32, until deadline: ContinuousClock.Instant) -> Bool {
        while descriptor >= 0 {
            let left = max(.zero, deadline - .now)
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            var poll = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = Glibc.poll(&poll, 1, Int32(clamping: milliseconds))
            if count > 0 { return true }
            if count == 0, ContinuousClock.now >= deadline { return false }
            if count < 0, errno != EINTR { return false }
        }
        return false
    }
}
