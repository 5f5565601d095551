import Foundation
import Synchronization

/// A server of one canned answer, on a free loopback port, with no HTTP of its own: it can say things that no HTTP
/// library would. Every connection is answered, one after the other, until the server goes away.
package final class CannedServer: Sendable {
    /// What to do once a request's header is there.
    package enum Answer: Sendable {
        /// Write this and close.
        case bytes([UInt8])
        /// Write this, then the same byte this many times, and close.
        case flood(String, UInt8, count: Int)
        /// Write this, then each of these on its own, and close or keep the connection until the client goes.
        case drip(String, [String], thenHold: Bool)
        /// Write this without waiting for a request, and close once the client said something.
        case greeting(String)
        /// Write what this makes of the request, and close.
        case reply(@Sendable (String) -> String)
        /// Say nothing and keep the connection until the client goes.
        case silence
    }

    /// An answer of text.
    package convenience init(text: String) throws { try self.init(.bytes(Array(text.utf8))) }

    /// Where it listens.
    package let port: UInt16
    private let socket: Int32
    private let received = Mutex<[String]>([])
    private let sent = Mutex(0)

    /// Bytes that the clients' side of the connections has taken so far.
    package var written: Int { sent.withLock { $0 } }

    /// Requests so far, header and what of the body came with it.
    package var requests: [String] { received.withLock { $0 } }

    /// Starts to listen.
    ///
    /// - Throws: `POSIXError` when no port can be had.
    package init(_ answer: Answer) throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(socket, pointer, size) == 0 && listen(socket, 16) == 0
                && getsockname(socket, pointer, &size) == 0
        }
        guard socket >= 0, bound else { throw POSIXError(.EADDRNOTAVAIL) }
        self.socket = socket
        port = UInt16(bigEndian: address.sin_port)
        let thread = Thread { [weak self] in
            while true {
                let client = accept(socket, nil, nil)
                // Only this thread closes the socket: its number may be another one's a moment later.
                guard client >= 0 else {
                    close(socket)
                    return
                }
                self?.serve(client, answer)
                close(client)
            }
        }
        thread.start()
    }

    deinit {
        // Ends the listening at once and wakes the thread out of accept.
        shutdown(socket, Int32(SHUT_RDWR))
    }

    private func serve(_ client: Int32, _ answer: Answer) {
        if case .greeting(let text) = answer {
            write(client, Array(text.utf8))
            _ = receive(client)
            return
        }
        var request = ""
        while !request.contains("\r\n\r\n") {
            guard let part = receive(client) else { return }
            request += part
        }
        received.withLock { $0.append(request) }
        switch answer {
        case .bytes(let bytes):
            write(client, bytes)
        case .flood(let head, let byte, let count):
            write(client, Array(head.utf8))
            var left = count
            while left > 0, write(client, [UInt8](repeating: byte, count: min(left, 65_536))) { left -= 65_536 }
        case .drip(let head, let parts, let holds):
            write(client, Array(head.utf8))
            for part in parts where write(client, Array(part.utf8)) {}
            while holds, receive(client) != nil {}
        case .reply(let reply):
            write(client, Array(reply(request).utf8))
        case .silence, .greeting:
            while receive(client) != nil {}
        }
    }

    private func receive(_ client: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(client, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    @discardableResult private func write(_ client: Int32, _ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            sent.withLock { $0 += count }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
