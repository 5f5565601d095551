import Hummingbird
import RelayAPI
import RelayCluster
import RelayCore

extension AdminRoutes {
    /// Locations and events in one answer unless asked for otherwise, and at most.
    static let defaultClusterLimit = 1_000
    static let maximumClusterLimit = 100_000

    /// The cluster as this node sees it, and orders to its nodes. On a node alone they say that there is no cluster.
    static func addCluster(to router: Router<BasicRequestContext>, _ inspector: NodeInspector) {
        router.get("v1/drain") { _, _ in json(try await inspector.drainStatus()) }
        guard let cluster = inspector.cluster else {
            for path in ["nodes", "streams", "events", "locate/**", "why/**"] as [RouterPath] {
                router.get("v1/cluster/\(path)") { _, _ in problem(.noCluster, .notFound) }
            }
            router.post("v1/cluster/**") { _, _ in problem(.noCluster, .notFound) }
            router.get("v1/autoscale/**") { _, _ in problem(.noCluster, .notFound) }
            return
        }
        router.get("v1/cluster/nodes") { _, _ in json(await cluster.clusterNodes()) }
        router.get("v1/cluster/streams") { request, _ in
            guard let limit = limit(request) else { return badLimit }
            return json(await cluster.clusterStreams(limit: limit))
        }
        router.get("v1/cluster/locate/**") { _, context in
            guard let name = name(context.parameters.getCatchAll()) else { return problem(.badStreamName, .badRequest) }
            return json(await cluster.locate(name))
        }
        router.get("v1/cluster/why/**") { _, context in
            guard let name = name(context.parameters.getCatchAll()) else { return problem(.badStreamName, .badRequest) }
            return json(await cluster.why(name))
        }
        router.get("v1/cluster/events") { request, _ in
            guard let limit = limit(request) else { return badLimit }
            let after = request.uri.queryParameters["after"].map(String.init)
            guard after.map(isEventID) ?? true else { return problem(.badQuery, .badRequest) }
            return await asking(cluster) { () async throws(RegistryError) in
                json(try await cluster.clusterEvents(after: after, limit: limit))
            }
        }
        addOrders(to: router, cluster)
        AutoscaleRoutes.add(to: router, store: cluster.registry)
    }

    private static func addOrders(to router: Router<BasicRequestContext>, _ cluster: ClusterService) {
        router.post("v1/cluster/nodes/:node/drain") { request, context in
            guard let node = context.parameters.get("node").flatMap({ NodeID($0) }) else {
                return problem(.badQuery, .badRequest)
            }
            var deadline = cluster.configuration.drain.deadline
            if let asked = request.uri.queryParameters["deadline"] {
                guard let seconds = Double(asked), (0...86_400).contains(seconds) else {
                    return problem(.badQuery, .badRequest)
                }
                deadline = .seconds(seconds)
            }
            let wish = NodeWish(drainMilliseconds: deadline.wholeMilliseconds, id: "\(WallClock.milliseconds)")
            return await asking(cluster) { () async throws(RegistryError) in
                guard try await cluster.registry.nodes().contains(where: { $0.record.id == node }) else {
                    return problem(.nodeNotFound, .notFound)
                }
                try await cluster.order(wish, of: node)
                return json(
                    ClusterOrder(
                        accepted: true,
                        text:
                            "\(node) takes no new work from now on and serves its viewers for \(deadline.wholeMilliseconds / 1_000) s."
                    ))
            }
        }
        router.post("v1/cluster/nodes/:node/undrain") { _, context in
            guard let node = context.parameters.get("node").flatMap({ NodeID($0) }) else {
                return problem(.badQuery, .badRequest)
            }
            return await asking(cluster) { () async throws(RegistryError) in
                guard try await cluster.registry.nodes().contains(where: { $0.record.id == node }) else {
                    return problem(.nodeNotFound, .notFound)
                }
                try await cluster.order(NodeWish(drainMilliseconds: nil, id: "\(WallClock.milliseconds)"), of: node)
                return json(ClusterOrder(accepted: true, text: "\(node) takes new work again."))
            }
        }
        router.post("v1/cluster/streams/**") { request, context in
            var path = context.parameters.getCatchAll()
            guard path.popLast() == "move", let name = name(path) else { return problem(.noSuchPath, .notFound) }
            guard let node = request.uri.queryParameters["to"].flatMap({ NodeID(String($0)) }) else {
                return problem(.badQuery, .badRequest)
            }
            return await asking(cluster) { () async throws(RegistryError) in
                let order = try await cluster.move(name, to: node)
                return json(order, status: order.accepted ? .ok : .conflict)
            }
        }
    }

    private static func asking(
        _ cluster: ClusterService, _ work: () async throws(RegistryError) -> Response
    ) async -> Response {
        do throws(RegistryError) { return try await work() } catch {
            cluster.noteRegistry(error)
            return problem(.registryAway, .serviceUnavailable)
        }
    }

    private static var badLimit: Response {
        problem(.badQuery, .badRequest, message: "The limit is to be 1 to \(maximumClusterLimit).")
    }

    private static func limit(_ request: Request) -> Int? {
        guard let asked = request.uri.queryParameters["limit"] else { return defaultClusterLimit }
        guard let number = Int(asked), (1...maximumClusterLimit).contains(number) else { return nil }
        return number
    }

    /// Milliseconds and a counter, as Redis streams have it.
    private static func isEventID(_ text: String) -> Bool {
        text.utf8.count <= 40
            && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-") }
    }
}
