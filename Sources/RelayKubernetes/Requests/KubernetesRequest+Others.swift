extension KubernetesRequest {
    private static let coordination = "apis/coordination.k8s.io/v1"

    package static func lease(_ name: KubernetesName, in namespace: KubernetesName) -> KubernetesRequest {
        KubernetesRequest(
            .get, verb: "get", group: coordination, resource: "leases", namespace: namespace, name: name)
    }

    /// 409 = another was faster.
    package static func createLease(_ lease: LeaseObject, in namespace: KubernetesName) -> KubernetesRequest {
        KubernetesRequest(
            .post, verb: "create", group: coordination, resource: "leases", namespace: namespace, body: .lease(lease))
    }

    /// 409 = the lease has another version than the one in the value.
    package static func updateLease(
        _ lease: LeaseObject, _ name: KubernetesName, in namespace: KubernetesName
    ) -> KubernetesRequest {
        KubernetesRequest(
            .put, verb: "update", group: coordination, resource: "leases", namespace: namespace, name: name,
            body: .lease(lease))
    }

    package static func createEvent(_ event: EventObject, in namespace: KubernetesName) -> KubernetesRequest {
        KubernetesRequest(
            .post, verb: "create", group: "apis/events.k8s.io/v1", resource: "events", namespace: namespace,
            body: .event(event))
    }

    /// Versions of the autoscaling API that have HorizontalPodAutoscalers, newest first: 1.23, 1.12, and ever.
    package static let autoscalingVersions = ["v2", "v2beta2", "v1"]

    package static func horizontalPodAutoscalers(
        in namespace: KubernetesName, version: String, continue next: String? = nil
    ) -> KubernetesRequest {
        KubernetesRequest(
            .get, verb: "list", group: "apis/autoscaling/\(URLQuery.escape(version))",
            resource: "horizontalpodautoscalers", namespace: namespace, query: page(next), maximumBytes: pageBytes)
    }

    /// 404 = the cluster has no KEDA.
    package static func scaledObjects(
        in namespace: KubernetesName, continue next: String? = nil
    ) -> KubernetesRequest {
        KubernetesRequest(
            .get, verb: "list", group: "apis/keda.sh/v1alpha1", resource: "scaledobjects", namespace: namespace,
            query: page(next), maximumBytes: pageBytes)
    }

    private static func page(_ next: String?) -> [(name: String, value: String)] {
        [("limit", String(pageSize))] + (next.map { [("continue", $0)] } ?? [])
    }
}
