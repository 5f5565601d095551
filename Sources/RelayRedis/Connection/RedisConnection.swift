import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import RelayCore

/// One open connection to a Redis or Sentinel, signed in. Made by ``RedisConnector``; safe to use from any task.
final class RedisConnection: Sendable {
    let endpoint: Endpoint
    private let channel: any Channel
    private let handler: NIOLoopBound<RedisChannelHandler>
    private let ended: EventLoopFuture<String>
    private let timeout: TimeAmount

    init(
        endpoint: Endpoint, channel: any Channel, handler: NIOLoopBound<RedisChannelHandler>,
        ended: EventLoopFuture<String>, settings: RedisSettings
    ) {
        self.endpoint = endpoint
        self.channel = channel
        self.handler = handler
        self.ended = ended
        timeout = TimeAmount(settings.commandTimeout)
    }

    /// Sends commands in one write and waits for their replies, each in its place.
    ///
    /// - Returns: As many results as commands.
    func send(_ commands: [[String]], timeout: TimeAmount? = nil) async -> [Result<RESPValue, RedisError>] {
        guard !commands.isEmpty else { return [] }
        var bytes = ByteBuffer()
        for arguments in commands {
            guard let command = RESPCommand(arguments) else {
                return commands.map { _ in .failure(.badReply("a command could not be formatted")) }
            }
            command.write(into: &bytes)
        }
        let count = commands.count
        let within = timeout ?? self.timeout
        return await withCheckedContinuation { continuation in
            channel.eventLoop.execute { [handler, bytes] in
                var replies: [Result<RESPValue, RedisError>] = []
                handler.value.send(bytes, count: count, timeout: within) { reply in
                    replies.append(reply)
                    if replies.count == count { continuation.resume(returning: replies) }
                }
            }
        }
    }

    /// Ends the connection. Without effect when it is over.
    func close(_ reason: String) {
        channel.eventLoop.execute { [handler] in handler.value.close(reason) }
    }

    /// Waits for the end and returns its reason; ends it when the task is cancelled.
    func untilEnd() async -> String {
        await withTaskCancellationHandler {
            (try? await ended.get()) ?? "the connection ended"
        } onCancel: {
            close("the registry ends")
        }
    }
}

/// Makes connections.
struct RedisConnector: Sendable {
    let group: any EventLoopGroup
    let settings: RedisSettings
    let tls: NIOSSLContext?

    /// - Throws: `RedisError.unavailable` when the trusted certificates cannot be read.
    init(group: any EventLoopGroup, settings: RedisSettings, security: RedisURL.Security?) throws(RedisError) {
        self.group = group
        self.settings = settings
        guard let security else {
            tls = nil
            return
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let path = security.trustedCertificates { configuration.trustRoots = .file(path) }
        if security.acceptsAnyCertificate { configuration.certificateVerification = .none }
        do {
            tls = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .unavailable("TLS to Redis cannot be set up, check ca= of its URL: \(error)")
        }
    }

    /// Connects and signs in.
    ///
    /// - Parameters:
    ///   - greeting: Commands to send first; the first refusal among them ends it, except of those in `optional`.
    ///   - onMessage: Given for a connection that will subscribe.
    /// - Returns: The connection and the replies to the greeting.
    func connect(
        to endpoint: Endpoint, greeting: [[String]], optional: Set<Int> = [],
        onMessage: (@Sendable (_ channel: String, _ payload: String) -> Void)? = nil
    ) async throws(RedisError) -> (RedisConnection, [RESPValue]) {
        let connection: RedisConnection
        do {
            connection = try await open(endpoint, onMessage)
        } catch {
            throw .unavailable("no connection to Redis at \(endpoint): \(Self.reason(error))")
        }
        var values: [RESPValue] = []
        let replies = await connection.send(greeting, timeout: TimeAmount(settings.connectTimeout))
        for (index, reply) in replies.enumerated() {
            switch reply {
            case .success(let value): values.append(value)
            case .failure(.refused(let refusal)) where optional.contains(index): values.append(.error(refusal.text))
            case .failure(let error):
                connection.close("Redis does not let us in")
                throw error
            }
        }
        return (connection, values)
    }

    private func open(
        _ endpoint: Endpoint, _ onMessage: (@Sendable (_ channel: String, _ payload: String) -> Void)?
    ) async throws -> RedisConnection {
        let loop = group.next()
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(settings.connectTimeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        // A name for SNI and the check of the certificate; an address is checked as such.
                        let name = Self.isAddress(endpoint.host) ? nil : endpoint.host
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        RedisChannelHandler(settings: settings, onMessage: onMessage))
                }
            }
        let channel = try await bootstrap.connect(host: endpoint.host, port: endpoint.port).get()
        let (handler, ended) = try await loop.submit {
            let handler = try channel.pipeline.syncOperations.handler(type: RedisChannelHandler.self)
            guard let ended = handler.ended else { throw ChannelError.alreadyClosed }
            return (NIOLoopBound(handler, eventLoop: loop), ended)
        }.get()
        return RedisConnection(
            endpoint: endpoint, channel: channel, handler: handler, ended: ended, settings: settings)
    }

    private static func isAddress(_ host: String) -> Bool { (try? SocketAddress(ipAddress: host, port: 0)) != nil }

    /// What people need of an error, without the layers around it.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            return error.connectionErrors.first.map { reason($0.error) } ?? "the host name has no address"
        case let error as IOError:
            return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout:
            return "no answer in time"
        case NIOSSLError.handshakeFailed(let cause):
            return "the TLS handshake failed: \(cause)"
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return "the server's certificate is for another host"
        case NIOSSLError.uncleanShutdown:
            return "the TLS connection was cut"
        default:
            return "\(error)"
        }
    }
}
