extension ConfigurationKey {
    /// Keys of `relay autoscaler`, and of the listener for probes that every role may have.
    static let autoscaler: [ConfigurationKey] =
        [
            .text(
                "probe.host", \.probe.host, allowed: "an IP address or a host name, or nothing for no such listener",
                "Address of a second listener with only /livez, /readyz and /metrics (and /v1/desired of an autoscaler)."
            ) { $0.utf8.count <= 253 && $0.utf8.allSatisfy { isNameByte($0) || $0 == UInt8(ascii: ":") } },
            .port("probe.port", \.probe.port, "Port of that listener."),
            .choice(
                "autoscaler.driver", \.autoscaler.driver,
                "Sets replicas at the Kubernetes API, offers the wanted count to an HPA or KEDA, or only decides."),
            .choice(
                "autoscaler.election", \.autoscaler.election,
                "Where autoscalers agree who acts: a Lease in Kubernetes, a key in Redis, or nowhere, if there is only one."
            ),
            .text(
                "autoscaler.lease", \.autoscaler.lease, allowed: "1…63 of a-z 0-9 -",
                "Name of the lease that autoscalers compete for."
            ) { isResourceName($0) && !$0.isEmpty },
            .duration(
                "autoscaler.interval", \.autoscaler.interval, .seconds(1) ... .seconds(60),
                "Time between two decisions."),
            .text(
                "autoscaler.kubernetes.url", \.autoscaler.kubernetes.url,
                allowed: "https:// or http:// URL, or nothing for that of the pod",
                "The Kubernetes API."
            ) { $0.isEmpty || ($0.utf8.count <= 256 && ($0.hasPrefix("https://") || $0.hasPrefix("http://"))) },
            .text(
                "autoscaler.kubernetes.namespace", \.autoscaler.kubernetes.namespace,
                allowed: "up to 63 of a-z 0-9 -, or nothing for that of the pod",
                "Namespace of the workloads.", rule: isResourceName),
            .text(
                "autoscaler.kubernetes.tokenFile", \.autoscaler.kubernetes.tokenFile,
                allowed: "a path, or nothing for the pod's service account",
                "File with the bearer token; read again each minute."
            ) { $0.utf8.count <= 1_024 },
            .text(
                "autoscaler.kubernetes.caFile", \.autoscaler.kubernetes.caFile,
                allowed: "a path, or nothing for the pod's service account",
                "PEM file with the API server's authorities."
            ) { $0.utf8.count <= 1_024 },
        ] + edgeTier + edgeOnly + edgeTier.map(\.ofOrigins)

    /// A StatefulSet takes its highest ordinals, whatever they run on.
    private static let edgeOnly: [ConfigurationKey] = [
        .choice(
            "autoscaler.edge.shrinkFirst", \.autoscaler.edge.shrinkFirst,
            "Machines that scale-in gives back first, among nodes that are about as full. Nodes have to know what they are on: node.spot."
        )
    ]

    private static let edgeTier: [ConfigurationKey] = [
        .choice(
            "autoscaler.edge.mode", \.autoscaler.edge.mode,
            "Not looked at, decided on without acting, only grown, or grown and shrunk."),
        .text(
            "autoscaler.edge.workload", \.autoscaler.edge.workload,
            allowed: "up to 63 of a-z 0-9 -, or nothing for relay-edge or relay-origin",
            "Name of the tier's Deployment (edges) or StatefulSet (origins).", rule: isResourceName),
        .integer("autoscaler.edge.minimum", \.autoscaler.edge.minimum, 1...100_000, "Fewest nodes."),
        .integer("autoscaler.edge.maximum", \.autoscaler.edge.maximum, 1...100_000, "Most nodes."),
        .share(
            "autoscaler.edge.utilisation", \.autoscaler.edge.utilisation, 0.1...1,
            "Share of a node's capacity that is planned with."),
        .integer(
            "autoscaler.edge.viewers", \.autoscaler.edge.viewers, 0...10_000_000, zero: "does not count",
            "Viewers that a node carries."),
        .integer(
            "autoscaler.edge.egressMbps", \.autoscaler.edge.egressMbps, 0...1_000_000, unit: "Mbit/s",
            zero: "what the node reports", "Rate to viewers that a node carries."),
        .integer(
            "autoscaler.edge.pulls", \.autoscaler.edge.pulls, 0...10_000_000, zero: "does not count",
            "Streams that a node pulls at most."),
        .integer(
            "autoscaler.edge.publishers", \.autoscaler.edge.publishers, 0...10_000_000, zero: "does not count",
            "Publishers that a node carries."),
        .integer(
            "autoscaler.edge.ingestMbps", \.autoscaler.edge.ingestMbps, 0...1_000_000, unit: "Mbit/s",
            zero: "does not count", "Rate from publishers that a node carries."),
        .share(
            "autoscaler.edge.cpu", \.autoscaler.edge.cpu, 0.1...1, "Share of its cores that a node may use, as a guard."
        ),
        .duration(
            "autoscaler.edge.hold", \.autoscaler.edge.hold, .seconds(60) ... .seconds(3_600),
            "How long a decision binds: it is made for the highest demand until lead and hold are over."),
        .duration(
            "autoscaler.edge.lead", \.autoscaler.edge.lead, .seconds(5) ... .seconds(1_800),
            "From a larger replica count to the first report of a new node, until that has been measured."),
        .duration(
            "autoscaler.edge.stableWindow", \.autoscaler.edge.stableWindow, .seconds(10) ... .seconds(600),
            "Demand is averaged over this long; a tenth of it is what a sudden rise is seen by. At start, nothing changes before it has passed."
        ),
        .duration(
            "autoscaler.edge.drainDeadline", \.autoscaler.edge.drainDeadline, .zero ... .seconds(86_400),
            zero: "until the last has left", "How long a node that is to go keeps its viewers or publishers."),
        .share(
            "autoscaler.edge.shrinkShare", \.autoscaler.edge.shrinkShare, 0.01...0.5,
            "Largest share of the tier that one scale-in takes."),
        .choice(
            "autoscaler.edge.zoneLoss", \.autoscaler.edge.zoneLoss,
            "Whether the tier is kept large enough to lose its largest zone."),
        .share(
            "autoscaler.edge.spotRisk", \.autoscaler.edge.spotRisk, 0...0.5,
            "Probability that a spot node is taken away within a lead time; as many more are kept."),
        .duration(
            "autoscaler.edge.manualHold", \.autoscaler.edge.manualHold, .zero ... .seconds(86_400),
            "How long a replica count that somebody set by hand is the floor."),
        .duration(
            "autoscaler.edge.firstFrameLimit", \.autoscaler.edge.firstFrameLimit, .zero ... .seconds(60),
            unit: .milliseconds, zero: "not looked at",
            "Time to a viewer's first frame, 95th percentile, above which the tier grows."),
    ]

    /// The key of the edges' tier as one of the origins' tier: the same rules for another place.
    private var ofOrigins: ConfigurationKey {
        let (render, store) = (render, store)
        return ConfigurationKey(
            name.replacing("autoscaler.edge.", with: "autoscaler.origin."), type: type, allowed: allowed, meaning,
            isSecret: isSecret, isList: isList,
            render: { configuration in
                var mirrored = configuration
                mirrored.autoscaler.edge = configuration.autoscaler.origin
                return render(mirrored)
            },
            store: { configuration, values in
                var mirrored = configuration
                mirrored.autoscaler.edge = configuration.autoscaler.origin
                guard store(&mirrored, values) else { return false }
                configuration.autoscaler.origin = mirrored.autoscaler.edge
                return true
            })
    }

    /// What Kubernetes takes as a name, more or less (RFC 1123 label).
    private static func isResourceName(_ text: String) -> Bool {
        text.utf8.count <= 63
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: "-")
            }
    }
}
