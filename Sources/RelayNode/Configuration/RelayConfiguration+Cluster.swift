extension RelayConfiguration {
    /// What makes a node a member of a cluster. Without a registry the node is alone.
    package struct Cluster: Sendable, Equatable {
        package init() {}

        /// `redis://`, `rediss://` or `redis+sentinel://`; may hold a password. Empty = none.
        package var registry = ""
        /// Proves to other nodes that this one belongs to the cluster. Required unless the link listens on loopback.
        package var key = ""
        /// Nodes of one region are near each other and prefer each other as parents.
        package var region = ""
        /// For people and the autoscaler.
        package var zone = ""
        /// Begins every key in the registry, so that several clusters can share one.
        package var prefix = "relay:1"
        /// Time between two renewals of the node's lease; an emptied registry is filled again within one.
        package var beat = Duration.milliseconds(500)
        /// How long the registry believes in a node that does not renew.
        package var leaseTTL = Duration.seconds(10)
        /// Time between two reports of the node's load.
        package var reportEvery = Duration.seconds(2)
        /// Addresses that a location may name. Link-local ones never.
        package var allowedCidrs = [
            "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7",
        ].compactMap { AddressBlock($0) }
    }

    /// The listener for other nodes.
    package struct Link: Sendable, Equatable {
        package init() {}

        /// Address to listen on.
        package var host = "127.0.0.1"
        /// TCP port; 0 = any free one.
        package var port = 1985
        /// Address under which other nodes reach this one, for link and RTMP. Empty = `link.host`, or the host name where that
        /// is a wildcard.
        package var advertise = ""
        /// TLS with certificates that nodes make at start and pin through the registry.
        package var tls = TLS.off
        /// Silence after which a parent is suspect and another is asked.
        package var suspectAfter = Duration.milliseconds(300)
        /// Silence after which a link counts as dead.
        package var deadAfter = Duration.seconds(5)
        /// Age of a frame in a child's queue after which disposable frames are left out.
        package var dropAfter = Duration.milliseconds(500)
        /// Age after which a child goes on at the newest keyframe.
        package var skipAfter = Duration.seconds(1)
        /// Bytes of a child's queue with the same effect.
        package var maxBacklog = 8 << 20
        /// Subscribes, queries and the like of one node in a second; when an origin is lost its edges ask for all of its streams.
        package var controlPerSecond = 2_000
        /// The most hops from an origin.
        package var maxHops = 4

        /// See ``Link/tls``.
        package enum TLS: String, Sendable, Equatable, CaseIterable {
            case off, on
        }
    }

    /// Pulling streams from other nodes.
    package struct Edge: Sendable, Equatable {
        package init() {}

        /// How long a stream is kept after its last viewer.
        package var linger = Duration.seconds(30)
        /// How long viewers are kept without a source.
        package var hold = Duration.seconds(60)
        /// How long an unknown stream stays unknown without asking again; a quarter of it either way is chance.
        package var negativeTTL = Duration.seconds(2)
        /// Lookups of streams that are not pulled already, in a second; with beats and reports the registry is to see at most 500
        /// questions a second of one node.
        package var lookupsPerSecond = 400
        /// The same for one address.
        package var lookupsPerAddress = 50
        /// Foreign RTMP servers by app: `app=rtmp://host/app/{name}`.
        package var pullFrom: [PullTemplate] = []
    }

    /// Draining a node without ending it.
    package struct Drain: Sendable, Equatable {
        package init() {}

        /// Time that viewers are served after a drain begins, where the order does not say.
        package var deadline = Duration.seconds(6 * 3600)
    }
}

/// Streams of one app come from a foreign RTMP server.
package struct PullTemplate: Sendable, Equatable, CustomStringConvertible {
    /// The first level of the stream's app.
    package let app: String
    /// `rtmp://…` with `{name}` where the stream's last segment goes, and `{app}` for its app.
    package let url: String

    /// Parses `app=rtmp://host/app/{name}`; nil when it is not that.
    package init?(_ text: String) {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        let app = String(text[..<equals])
        let url = String(text[text.index(after: equals)...])
        guard !app.isEmpty, app.utf8.allSatisfy({ ConfigurationKey.isNameByte($0) || $0 == UInt8(ascii: "/") }),
            url.hasPrefix("rtmp://"), url.contains("{name}"), url.utf8.count <= 1024
        else { return nil }
        self.app = app
        self.url = url
    }

    package var description: String { "\(app)=\(url)" }
}
