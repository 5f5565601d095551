import Logging
import NIOCore
import RelayCore
import Synchronization

extension RedisClient {
    /// What a connection is for.
    private enum Line: String { case commands, listener }

    /// Keeps the connections until the task is cancelled.
    package func run() async {
        let connector: RedisConnector
        do throws(RedisError) {
            connector = try RedisConnector(group: group, settings: settings, security: url.security)
        } catch {
            shared.withLock { $0.state.lastError = error.description }
            logger.error("registry cannot be reached", metadata: ["reason": "\(error)"])
            // Only another configuration helps; until then every call says why.
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
            return
        }
        var resolver: SentinelResolver?
        if case .sentinels(let sentinels, let primary) = url.place {
            resolver = SentinelResolver(
                sentinels: sentinels, primary: primary, credentials: url.sentinelCredentials, connector: connector)
        }
        await withDiscardingTaskGroup { [resolver] group in
            group.addTask { await self.keep(.commands, connector, resolver) }
            if !channels.isEmpty { group.addTask { await self.keep(.listener, connector, resolver) } }
            if let resolver { group.addTask { await self.follow(resolver) } }
        }
    }

    private func keep(_ line: Line, _ connector: RedisConnector, _ resolver: SentinelResolver?) async {
        var backoff = ReconnectBackoff(settings: settings.backoff)
        while !Task.isCancelled {
            let reason: String
            do throws(RedisError) {
                let connection = try await connect(line, connector, resolver)
                backoff.connected(now: Self.now)
                opened(line, connection)
                reason = await connection.untilEnd()
            } catch {
                reason = error.description
            }
            closed(line, reason)
            guard !Task.isCancelled else { return }
            try? await Task.sleep(for: backoff.failed(now: Self.now, random: .random(in: 0..<1)))
        }
    }

    private func connect(
        _ line: Line, _ connector: RedisConnector, _ resolver: SentinelResolver?
    ) async throws(RedisError) -> RedisConnection {
        let endpoint: Endpoint
        switch url.place {
        case .server(let server): endpoint = server
        case .sentinels:
            guard let resolver else { throw .unavailable("there are no Sentinels") }
            endpoint = try await resolver.resolve()
        }
        var greeting: [[String]] = url.credentials.map { [$0.command] } ?? []
        if url.database != 0 { greeting.append(["SELECT", "\(url.database)"]) }
        let nameIndex = greeting.count
        greeting.append(["CLIENT", "SETNAME", settings.name])
        let roleIndex = greeting.count
        if resolver != nil { greeting.append(["ROLE"]) }
        // Refused while Redis reads its data from disk, and by a replica without its primary.
        greeting.append(["PING"])
        guard line == .listener else {
            let (connection, replies) = try await connector.connect(
                to: endpoint, greeting: greeting, optional: [nameIndex])
            try check(replies, roleIndex, resolver, connection)
            return connection
        }
        // One command each, since each channel is confirmed by a reply of its own.
        greeting += channels.map { ["SUBSCRIBE", $0] }
        let (connection, replies) = try await connector.connect(
            to: endpoint, greeting: greeting, optional: [nameIndex]
        ) { [onEvent] channel, payload in onEvent(.message(channel: channel, payload: payload)) }
        try check(replies, roleIndex, resolver, connection)
        return connection
    }

    /// After a failover a Sentinel may still name the old primary, which is a replica by then.
    private func check(
        _ replies: [RESPValue], _ roleIndex: Int, _ resolver: SentinelResolver?, _ connection: RedisConnection
    ) throws(RedisError) {
        guard resolver != nil else { return }
        guard replies.indices.contains(roleIndex), let role = replies[roleIndex].array?.first?.text, role == "master"
        else {
            connection.close("not the primary")
            throw .unavailable("\(connection.endpoint), which a Sentinel named, is not the primary")
        }
    }

    /// Leaves the old primary when a Sentinel tells of a new one, which matters when the old one still holds its connections.
    private func follow(_ resolver: SentinelResolver) async {
        var backoff = ReconnectBackoff(settings: settings.backoff)
        while !Task.isCancelled {
            do throws(RedisError) {
                backoff.connected(now: Self.now)
                _ = try await resolver.watch { [weak self] endpoint in self?.moved(to: endpoint) }
            } catch {
                logger.debug("no Sentinel to listen to", metadata: ["reason": "\(error)"])
            }
            guard !Task.isCancelled else { return }
            try? await Task.sleep(for: backoff.failed(now: Self.now, random: .random(in: 0..<1)))
        }
    }

    private func moved(to endpoint: Endpoint) {
        logger.info("registry's primary moved", metadata: ["server": "\(endpoint)"])
        let old = shared.withLock { [$0.commands, $0.listener].compactMap { $0 } }
        for connection in old where connection.endpoint != endpoint {
            connection.close("a Sentinel names \(endpoint) as the primary now")
        }
    }

    // MARK: What the outside is told

    private func opened(_ line: Line, _ connection: RedisConnection) {
        shared.withLock { shared in
            switch line {
            case .commands:
                shared.commands = connection
                shared.state.isConnected = true
                shared.state.since = .now
                shared.state.server = connection.endpoint
                shared.state.connects += 1
            case .listener:
                shared.listener = connection
            }
            guard shared.commands != nil, shared.listener != nil || channels.isEmpty else { return }
            shared.isAnnounced = true
            onEvent(.connected)
        }
        logger.info("registry connected", metadata: ["server": "\(connection.endpoint)", "for": "\(line.rawValue)"])
    }

    private func closed(_ line: Line, _ reason: String) {
        let wasOpen = shared.withLock { shared in
            shared.state.lastError = reason
            let wasOpen: Bool
            switch line {
            case .commands:
                wasOpen = shared.commands != nil
                shared.commands = nil
                if wasOpen {
                    shared.state.isConnected = false
                    shared.state.since = .now
                }
            case .listener:
                wasOpen = shared.listener != nil
                shared.listener = nil
            }
            if wasOpen, line == .commands, shared.isAnnounced {
                shared.isAnnounced = false
                onEvent(.disconnected(reason))
            }
            return wasOpen
        }
        // A Redis that takes connections and refuses everything is left and met again twice a second.
        let isLoud = shared.withLock { shared in
            guard wasOpen, shared.lastLossTold.map({ NIODeadline.now() - $0 > Self.lossesToldEvery }) ?? true else {
                return false
            }
            shared.lastLossTold = .now()
            return true
        }
        if isLoud {
            logger.warning("registry connection lost", metadata: ["reason": "\(reason)", "for": "\(line.rawValue)"])
        } else {
            logger.debug(
                wasOpen ? "registry connection lost" : "registry still away",
                metadata: ["reason": "\(reason)", "for": "\(line.rawValue)"])
        }
    }

    /// Distance of warnings about lost connections.
    private static let lossesToldEvery = TimeAmount.seconds(10)

    private static var now: MonotonicTime {
        MonotonicTime(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }
}
