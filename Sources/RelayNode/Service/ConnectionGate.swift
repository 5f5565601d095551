import Glibc
import NIOCore
import RelayCore
import Synchronization

/// Counts the sockets of publishers and viewers and refuses what is over the caps, so that the process never runs out of
/// descriptors and one address cannot take all half-open places. Safe from any thread.
final class ConnectionGate: Sendable {
    /// One admitted connection. Given back with ``ConnectionGate/close(_:)``, exactly once.
    struct Ticket: Sendable {
        let id: UInt64
        fileprivate let address: String?
        fileprivate var isPending = true
    }

    private struct State {
        var nextID: UInt64 = 1
        var open = 0
        var pending = 0
        var pendingByAddress: [String: Int] = [:]
        var viewers = 0
        var refusing = 0
        var refused: [Int: UInt64] = [:]
        var turnedAway: UInt64 = 0
    }

    private let state = Mutex(State())
    /// The most sockets admitted.
    let maxConnections: Int
    private let limits: RelayConfiguration.Limits

    init(limits: RelayConfiguration.Limits, descriptorLimit: Int) {
        self.limits = limits
        maxConnections = limits.effectiveMaxConnections(descriptorLimit: descriptorLimit)
    }

    /// Sockets open now.
    var open: Int { state.withLock { $0.open } }
    /// Viewers playing now.
    var viewers: Int { state.withLock { $0.viewers } }
    /// Refusals by code, since start.
    var refused: [Int: UInt64] { state.withLock { $0.refused } }
    /// Connections and viewers that came to a node without room for them, since start. What is refused to one address because of
    /// what that address does says nothing about the room.
    var turnedAway: UInt64 { state.withLock { $0.turnedAway } }

    /// A socket was accepted.
    func admit(_ remote: SocketAddress?) -> Result<Ticket, Refusal> {
        let isExempt = remote.map { address in limits.pendingExempt.contains { $0.contains(address) } } ?? true
        // /64 for IPv6: one customer has that many addresses.
        let address = isExempt ? nil : remote.flatMap(Self.key)
        return state.withLock { state in
            func refuse(_ code: RelayCode) -> Result<Ticket, Refusal> {
                state.refused[code.number, default: 0] &+= 1
                return .failure(Refusal(code: code))
            }
            guard state.open < maxConnections else {
                state.turnedAway &+= 1
                return refuse(.tooManyConnections)
            }
            guard isExempt || state.pending < limits.pendingTotal else {
                state.turnedAway &+= 1
                return refuse(.tooManyPending)
            }
            if let address {
                guard state.pendingByAddress[address, default: 0] < limits.pendingPerAddress else {
                    return refuse(.tooManyPending)
                }
                state.pendingByAddress[address, default: 0] += 1
            }
            let ticket = Ticket(id: state.nextID, address: address)
            state.nextID &+= 1
            state.open += 1
            state.pending += 1
            return .success(ticket)
        }
    }

    /// The connection publishes or plays now, and no longer counts as half-open.
    func settle(_ ticket: inout Ticket) {
        guard ticket.isPending else { return }
        ticket.isPending = false
        let address = ticket.address
        state.withLock { Self.leavePending(&$0, address) }
    }

    /// The connection is closed.
    func close(_ ticket: Ticket) {
        state.withLock { state in
            state.open -= 1
            if ticket.isPending { Self.leavePending(&state, ticket.address) }
        }
    }

    private static func leavePending(_ state: inout State, _ address: String?) {
        state.pending -= 1
        guard let address, let count = state.pendingByAddress[address] else { return }
        state.pendingByAddress[address] = count > 1 ? count - 1 : nil
    }

    /// Refused connections that are being told so, at most; beyond it they are closed without a word.
    static let maximumRefusals = 64

    /// Takes a place for telling a refusal.
    ///
    /// - Returns: False when there is none.
    func enterRefusal() -> Bool {
        state.withLock { state in
            guard state.refusing < Self.maximumRefusals else { return false }
            state.refusing += 1
            return true
        }
    }

    /// Gives it back.
    func leaveRefusal() { state.withLock { $0.refusing -= 1 } }

    /// Takes a place for a viewer.
    ///
    /// - Returns: nil, or why there is none.
    func enterViewer() -> RelayCode? {
        state.withLock { state in
            guard limits.maxViewers == 0 || state.viewers < limits.maxViewers else {
                state.refused[RelayCode.tooManyViewers.number, default: 0] &+= 1
                state.turnedAway &+= 1
                return .tooManyViewers
            }
            state.viewers += 1
            return nil
        }
    }

    /// Gives it back.
    func leaveViewer() { state.withLock { $0.viewers -= 1 } }

    /// A viewer was refused its stream, for a reason found elsewhere; counted when it is a lack of room.
    func noteRefusal(_ code: RelayCode) {
        guard code == .tooManyStreams else { return }
        state.withLock { state in
            state.refused[code.number, default: 0] &+= 1
            state.turnedAway &+= 1
        }
    }

    /// Why a socket was refused.
    struct Refusal: Error, Sendable {
        var code: RelayCode
    }

    private static func keyV4(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0, radix: 16) }.joined(separator: ".")
    }

    /// The address bytes of `sockaddr_in` and `sockaddr_in6`, by offset (4 and 8): which of the imported C modules owns the
    /// fields' names depends on what is built first.
    private static func key(_ address: SocketAddress) -> String? {
        switch address {
        case .v4(let v4):
            withUnsafeBytes(of: v4.address) { keyV4($0.dropFirst(4).prefix(4)) }
        case .v6(let v6):
            withUnsafeBytes(of: v6.address) { bytes in
                let address = bytes.dropFirst(8).prefix(16)
                // IPv4 on a dual-stack listener (RFC 4291 section 2.5.5.2): all of it has one /64.
                let isMapped =
                    address.prefix(10).allSatisfy { $0 == 0 }
                    && address.dropFirst(10).prefix(2).allSatisfy { $0 == 0xFF }
                return isMapped
                    ? keyV4(address.suffix(4)) : address.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
            }
        case .unixDomainSocket: nil
        }
    }
}
