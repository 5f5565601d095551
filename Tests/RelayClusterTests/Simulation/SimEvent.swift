import RelayCluster
import RelayCore

/// Who takes part: three origins, four edges, the registry, two publishers.
enum Peer {
    static let origins = 0..<3
    static let edges = 3..<7
    static let registry = 7
    static let publishers = 8..<10
    static let count = 10
}

/// What happens in a simulated cluster.
enum SimEvent {
    /// Something arrives; for the life of the process that it was sent to.
    case message(from: Int, to: Int, life: Int, Message)
    /// Each process looks around every 100 ms.
    case tick(node: Int, life: Int)
    case leaseTimer(node: Int, life: Int)
    case pullTimer(edge: Int, life: Int)
    case callDeadline(node: Int, life: Int, call: Int)
    case probeDeadline(origin: Int, life: Int, probe: Int)
    case connectDeadline(edge: Int, life: Int, connection: Int)
    case publisher(Int)
    case media(publisher: Int, session: Int)
    case viewer(edge: Int)
    case fault(Fault)
    case lift(Fault)
    case check
}

/// What goes over a wire.
indirect enum Message {
    // Between a node and the registry.
    case call(id: Int, RegistryCall)
    case answer(call: Int, RegistryAnswer)
    case news(RegistryNews)

    // Between a child and a parent; `connection` is one subscription.
    case subscribe(connection: Int, after: UInt64?, of: Incarnation?, path: [Int], highest: UInt64)
    case accept(connection: Int, Incarnation)
    case refuse(connection: Int, PullRefusal)
    case frames(connection: Int, Incarnation, [Frame])
    /// Disposable frames left out on a slow link.
    case skipped(connection: Int, Incarnation, first: UInt64, count: UInt64)
    case ended(connection: Int, isFinished: Bool)
    case closed(connection: Int)
    /// The peer's process is gone, or does not know the connection.
    case reset(connection: Int)

    // Between origins.
    case probe(id: Int)
    case probeAnswer(id: Int, StreamOwnership.LinkState)

    // Between a publisher and an origin.
    case publish(session: Int, isBackup: Bool)
    case started(session: Int)
    case refused(session: Int)
    case publisherFrame(session: Int, kind: MediaKind, isKey: Bool, isDisposable: Bool)
    case goodbye(session: Int)
    case dropped(session: Int)
}

enum RegistryCall {
    case renew
    case claim(StreamClaim)
    case restore(StreamLocation)
    case withdraw(epoch: UInt64)
    case locate
    case hold(hops: Int?)
}

enum RegistryAnswer {
    case renewal(NodeRenewal)
    case claim(ClaimAnswer)
    case standing(StreamLocation?)
    case lookup(StreamLookup)
    case done
}

/// What goes wrong, and is lifted again.
enum Fault {
    case kill(node: Int)
    case freeze(node: Int)
    case cut(from: Int, to: Int)
    case split(Int, Int)
    case registryDown(losesAll: Bool)
    case registryFreeze
    /// A replica that missed the last writes takes over; its clock differs.
    case failover(skewMilliseconds: Int64)
    case snapshot
    case newsLoss(percent: Int)
    case goodbye(publisher: Int)
}
