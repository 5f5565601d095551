import NIOCore
import RelayCluster
import RelayCore

/// Where a publisher's stream goes.
enum PublishRoute: Sendable {
    /// To a hub of this node.
    case here(StreamHub, ClaimOutcome)
    /// To one of these origins, the best first.
    case elsewhere([PublishTarget])
    case refused(RelayCode)
}

/// An origin that takes a publisher's stream.
struct PublishTarget: Sendable, Hashable {
    var node: NodeID
    var rtmp: Endpoint
}

/// Decides where a publisher's stream goes. Safe from any thread.
protocol PublishDesk: Sendable {
    /// - Returns: On the publisher's loop.
    func publish(_ name: StreamName, _ publisher: Publisher, on fanout: LoopFanout) -> EventLoopFuture<PublishRoute>
    /// Origins that take the stream now, the best first; for a forwarded publisher that lost its origin.
    func targets(for name: StreamName, on loop: any EventLoop) -> EventLoopFuture<[PublishTarget]>
}

/// The desk of a node alone: every stream is its own.
struct LocalPublishDesk: PublishDesk {
    let directory: StreamDirectory

    func publish(_ name: StreamName, _ publisher: Publisher, on fanout: LoopFanout) -> EventLoopFuture<PublishRoute> {
        directory.publish(name, publisher, on: fanout).map(PublishRoute.init)
    }

    func targets(for name: StreamName, on loop: any EventLoop) -> EventLoopFuture<[PublishTarget]> {
        loop.makeSucceededFuture([])
    }
}

extension PublishRoute {
    init(_ result: Result<(StreamHub, ClaimOutcome), PublishRefusal>) {
        switch result {
        case .success((let hub, let outcome)): self = .here(hub, outcome)
        case .failure(let refusal): self = .refused(refusal.code)
        }
    }
}
