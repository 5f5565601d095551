extension ConfigurationKey {
    /// Keys of nodes that belong to a cluster.
    static let cluster: [ConfigurationKey] = [
        .secret(
            "cluster.registry", \.cluster.registry,
            allowed: "redis://, rediss:// or redis+sentinel:// URL, memory for an origin that is alone, or nothing",
            "The registry that the nodes share."
        ) { text in
            text.isEmpty || text == "memory"
                || ["redis://", "rediss://", "redis+sentinel://"].contains { text.hasPrefix($0) && text != $0 }
        },
        .secret(
            "cluster.key", \.cluster.key,
            allowed: "at least 8 characters, the same on all nodes; nothing only on loopback",
            "Secret by which nodes know each other."
        ) { $0.isEmpty || (8...256).contains($0.utf8.count) },
        .text(
            "cluster.region", \.cluster.region, allowed: "up to 64 of A-Z a-z 0-9 . _ -",
            "Where the node is; parents of the same region are preferred.", rule: isShortName),
        .text(
            "cluster.zone", \.cluster.zone, allowed: "up to 64 of A-Z a-z 0-9 . _ -",
            "Zone within the region, for reports.", rule: isShortName),
        .text(
            "cluster.prefix", \.cluster.prefix, allowed: "1…64 of A-Z a-z 0-9 . _ - :",
            "Begins every key in the registry."
        ) { (1...64).contains($0.utf8.count) && $0.utf8.allSatisfy { isNameByte($0) || $0 == UInt8(ascii: ":") } },
        .duration(
            "cluster.beat", \.cluster.beat, .milliseconds(100) ... .seconds(10), unit: .milliseconds,
            "Time between two renewals of the node's lease."),
        .duration(
            "cluster.leaseTTL", \.cluster.leaseTTL, .seconds(2) ... .seconds(300),
            "How long the registry believes in a node that does not renew."),
        .duration(
            "cluster.reportEvery", \.cluster.reportEvery, .milliseconds(500) ... .seconds(60),
            "Time between two reports of the node's load."),
        .list(
            "cluster.allowedCidrs", \.cluster.allowedCidrs, allowed: "addresses or CIDR blocks such as 10.0.0.0/8",
            "Addresses at which other nodes may be; link-local ones never.", parse: { AddressBlock($0) },
            write: \.description),
        .host("link.host", \.link.host, "Address of the listener for other nodes."),
        .port("link.port", \.link.port, "Port of the listener for other nodes."),
        .text(
            "link.advertise", \.link.advertise,
            allowed: "an IP address or a host name, or nothing for link.host (the host name where that is a wildcard)",
            "Address under which other nodes reach this one; a name of its own for each node."
        ) { text in text.utf8.count <= 253 && text.utf8.allSatisfy { isNameByte($0) || $0 == UInt8(ascii: ":") } },
        .choice(
            "link.tls", \.link.tls,
            "Encrypts links with certificates that nodes make at start and know by the registry; the same on all nodes."
        ),
        .duration(
            "link.suspectAfter", \.link.suspectAfter, .milliseconds(100) ... .seconds(10), unit: .milliseconds,
            "Silence of a parent after which another is asked beside it."),
        .duration(
            "link.deadAfter", \.link.deadAfter, .milliseconds(500) ... .seconds(60),
            "Silence after which a link counts as dead."),
        .duration(
            "link.dropAfter", \.link.dropAfter, .milliseconds(50) ... .seconds(60), unit: .milliseconds,
            "Age of a frame in a child's queue after which disposable frames are left out."),
        .duration(
            "link.skipAfter", \.link.skipAfter, .milliseconds(50) ... .seconds(60), unit: .milliseconds,
            "Age after which a child goes on at the newest keyframe."),
        .size(
            "link.maxBacklog", \.link.maxBacklog, 65_536...(1 << 30),
            "Bytes that may wait for a child before it goes on at the newest keyframe."),
        .integer(
            "link.controlPerSecond", \.link.controlPerSecond, 10...1_000_000,
            "Subscriptions and questions of one node in a second; more are read later."),
        .integer("link.maxHops", \.link.maxHops, 1...16, "The most nodes that a stream passes after its origin."),
        .duration(
            "edge.linger", \.edge.linger, .zero ... .seconds(3600),
            "How long a pulled stream is kept after its last viewer."),
        .duration(
            "edge.hold", \.edge.hold, .seconds(1) ... .seconds(3600),
            "How long viewers are kept while their stream has no source."),
        .duration(
            "edge.negativeTTL", \.edge.negativeTTL, .milliseconds(100) ... .seconds(60),
            "How long an unknown stream is answered without asking the registry again."),
        .integer(
            "edge.lookupsPerSecond", \.edge.lookupsPerSecond, 1...1_000_000,
            "Lookups of streams that the node does not have, in a second."),
        .integer(
            "edge.lookupsPerAddress", \.edge.lookupsPerAddress, 1...1_000_000,
            "The same for one address; addresses of limits.pendingExempt are exempt."),
        .list(
            "edge.pullFrom", \.edge.pullFrom, allowed: "app=rtmp://host/app/{name}",
            "Apps whose streams come from a foreign RTMP server.", parse: { PullTemplate($0) }, write: \.description),
        .duration(
            "drain.deadline", \.drain.deadline, .zero ... .seconds(86_400),
            "How long viewers are served after a drain begins, where the order does not say."),
    ]

    private static func isShortName(_ text: String) -> Bool {
        text.utf8.count <= 64 && text.utf8.allSatisfy(isNameByte)
    }

    /// Text that must not be shown.
    private static func secret(
        _ name: String, _ path: Path<String>, allowed: String, _ meaning: String,
        rule: @escaping @Sendable (String) -> Bool
    ) -> Self {
        Self(
            name, type: "secret", allowed: allowed, meaning, isSecret: true,
            render: { $0[keyPath: path].isEmpty ? "" : "(set)" },
            store: { configuration, values in
                guard let text = values.first, rule(text) else { return false }
                configuration[keyPath: path] = text
                return true
            })
    }
}
