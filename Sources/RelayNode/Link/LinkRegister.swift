import NIOCore
import RelayCore
import Synchronization

/// The links that other nodes opened to this one. Safe from any thread; the servers themselves are used on their own loops.
final class LinkRegister: Sendable {
    private struct State {
        var servers: [ObjectIdentifier: LinkServer] = [:]
        var children = 0
    }

    private let state = Mutex(State())

    func add(_ server: LinkServer) { state.withLock { $0.servers[ObjectIdentifier(server)] = server } }
    func remove(_ server: LinkServer) { state.withLock { $0.servers[ObjectIdentifier(server)] = nil } }
    func countChild(_ difference: Int) { state.withLock { $0.children += difference } }

    var all: [LinkServer] { state.withLock { Array($0.servers.values) } }
    /// Subscriptions of other nodes.
    var children: Int { state.withLock { $0.children } }

    /// Children are asked to find another parent.
    func goAway(_ deadline: Duration) {
        for server in all { server.handler?.loop?.execute { server.goAway(deadline) } }
    }
}
