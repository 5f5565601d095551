import NIOCore
import RelayCore
import Synchronization

/// The links that other nodes opened to this one. Safe from any thread; the servers themselves are used on their own loops.
final class LinkRegister: Sendable {
    private struct State {
        var servers: [ObjectIdentifier: LinkServer] = [:]
        var children = 0
        var pending = 0
    }

    /// Connections that have not proved yet that they belong to the cluster, at most: each is a descriptor that viewers lack, for
    /// as long as the hello may take. A cluster whose nodes all start at once stays below.
    static let maximumPending = 256

    private let state = Mutex(State())

    func add(_ server: LinkServer) { state.withLock { $0.servers[ObjectIdentifier(server)] = server } }
    func remove(_ server: LinkServer) { state.withLock { $0.servers[ObjectIdentifier(server)] = nil } }
    /// A connection came that has proved nothing yet.
    ///
    /// - Returns: False when there is no room for it; else ``settle()`` follows once.
    func enter() -> Bool {
        state.withLock { state in
            guard state.pending < Self.maximumPending else { return false }
            state.pending += 1
            return true
        }
    }

    /// It has proved itself, or is gone.
    func settle() { state.withLock { $0.pending -= 1 } }

    func countChild(_ difference: Int) { state.withLock { $0.children += difference } }

    var all: [LinkServer] { state.withLock { Array($0.servers.values) } }
    /// Subscriptions of other nodes.
    var children: Int { state.withLock { $0.children } }

    /// Children are asked to find another parent.
    func goAway(_ deadline: Duration) {
        for server in all { server.handler?.loop?.execute { server.goAway(deadline) } }
    }
}
