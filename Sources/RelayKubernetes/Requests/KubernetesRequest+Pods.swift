extension KubernetesRequest {
    private static let core = "api/v1"

    /// How long the server keeps a watch open, s: below the five minutes for which etcd remembers versions.
    package static let watchSeconds = 300

    /// One page of the pods that a selector matches; nil when the selector or the token is longer than is ever sent.
    package static func pods(
        in namespace: KubernetesName, selector: String, continue next: String?, limit: Int = Self.pageSize
    ) -> KubernetesRequest? {
        var query = [(name: "labelSelector", value: selector), (name: "limit", value: String(limit))]
        if let next { query.append((name: "continue", value: next)) }
        guard query.allSatisfy({ $0.value.utf8.count <= maximumTokenBytes }) else { return nil }
        return KubernetesRequest(
            .get, verb: "list", group: core, resource: "pods", namespace: namespace, query: query,
            maximumBytes: pageBytes)
    }

    /// Changes of those pods from a version on, one JSON value a line.
    package static func watchPods(
        in namespace: KubernetesName, selector: String, from resourceVersion: String
    ) -> KubernetesRequest? {
        guard selector.utf8.count <= maximumTokenBytes, resourceVersion.utf8.count <= maximumTokenBytes else {
            return nil
        }
        return KubernetesRequest(
            .get, verb: "watch", group: core, resource: "pods", namespace: namespace,
            query: [
                ("labelSelector", selector), ("watch", "1"), ("resourceVersion", resourceVersion),
                ("allowWatchBookmarks", "true"), ("timeoutSeconds", String(watchSeconds)),
            ])
    }

    /// Writes the cost of deleting a pod, or takes it away; only if the pod still is `uid`.
    package static func setDeletionCost(
        of pod: KubernetesName, uid: String, in namespace: KubernetesName, to cost: Int32?, isDryRun: Bool = false
    ) -> KubernetesRequest {
        KubernetesRequest(
            .patch, verb: "patch", group: core, resource: "pods", namespace: namespace, name: pod,
            query: patchQuery(isDryRun),
            body: .mergePatch(
                MergePatch(uid: uid, annotation: .init(name: PodObject.deletionCost, value: cost.map { String($0) }))))
    }
}
