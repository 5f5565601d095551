import Logging
import NIOCore
import NIOPosix
import RelayCluster
import RelayCore
import RelayLink
import Synchronization

/// The links that this node opened: one per parent, whatever the number of streams. Safe from any thread.
final class LinkPool: Sendable {
    /// Time for the TCP connection: a node that is there answers in milliseconds, and another one can be asked.
    static let connectTimeout = TimeAmount.seconds(2)

    private let group: any EventLoopGroup
    private let settings: LinkSettings
    private let logger: Logger
    private let security: LinkSecurity
    private let connections = Mutex<[Key: LinkConnection]>([:])

    private struct Key: Hashable {
        var node: NodeID
        var endpoint: Endpoint
    }

    init(group: any EventLoopGroup, settings: LinkSettings, security: LinkSecurity, logger: Logger) {
        self.group = group
        self.settings = settings
        self.security = security
        self.logger = logger
    }

    /// The link to a parent, made if need be.
    func connection(to parent: PullParent) -> LinkConnection {
        let key = Key(node: parent.node, endpoint: parent.link)
        let (connection, isNew): (LinkConnection, Bool) = connections.withLock { connections in
            if let connection = connections[key] { return (connection, false) }
            let connection = LinkConnection(parent: parent, loop: group.next(), logger: logger) { [weak self] closed in
                self?.connections.withLock { if $0[key] === closed { $0[key] = nil } }
            }
            connections[key] = connection
            return (connection, true)
        }
        if isNew { connection.loop.execute { self.dial(connection) } }
        return connection
    }

    private func dial(_ connection: LinkConnection) {
        let parent = connection.parent
        ClientBootstrap(group: connection.loop)
            .connectTimeout(Self.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: LinkHandler.waterMark)
            .channelInitializer { [settings, security] channel in
                channel.eventLoop.makeCompletedFuture {
                    try security.addClient(to: channel.pipeline.syncOperations, parent: parent)
                    let handler = LinkHandler(
                        session: LinkSession(role: .dialer, settings: settings, crypto: .openSSL, now: .now()),
                        owner: connection)
                    connection.attach(handler)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: parent.link.host, port: parent.link.port)
            .whenFailure { error in
                connection.loop.execute { connection.fail("cannot connect to \(parent.link): \(error)") }
            }
    }

    /// What a node says about a stream; nil when it does not answer within the time.
    func query(_ stream: StreamName, at parent: PullParent, within time: Duration) async -> LinkStreamState? {
        let connection = connection(to: parent)
        let promise = connection.loop.makePromise(of: LinkStreamState?.self)
        connection.loop.execute {
            let timeout = connection.loop.scheduleTask(in: TimeAmount(time)) { promise.succeed(nil) }
            connection.query(stream).whenSuccess {
                timeout.cancel()
                promise.succeed($0)
            }
        }
        return try? await promise.futureResult.get()
    }
}
