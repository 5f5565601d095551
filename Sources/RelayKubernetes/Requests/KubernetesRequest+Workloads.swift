extension KubernetesRequest {
    private static let apps = "apis/apps/v1"

    /// Reads the Deployment or StatefulSet.
    package static func workload(_ workload: WorkloadName) -> KubernetesRequest {
        KubernetesRequest(
            .get, verb: "get", group: apps, resource: workload.kind.resource, namespace: workload.namespace,
            name: workload.name)
    }

    /// Reads the replicas and the selector of its pods.
    package static func scale(_ workload: WorkloadName) -> KubernetesRequest {
        KubernetesRequest(
            .get, verb: "get", group: apps, resource: workload.kind.resource + "/scale", namespace: workload.namespace,
            name: workload.name)
    }

    /// Sets the replicas if they are `from` and the workload still is `uid`; anything else that changed meanwhile does not
    /// matter. 422 = something of that did.
    ///
    /// - Parameter isDryRun: everything is checked and nothing is done.
    package static func setReplicas(
        _ workload: WorkloadName, uid: String, from: Int, to: Int, isDryRun: Bool = false
    ) -> KubernetesRequest {
        setReplicas(
            workload, isDryRun,
            .jsonPatch([
                .test("/metadata/uid", .text(uid)), .test("/spec/replicas", .number(from)),
                .replace("/spec/replicas", .number(to)),
            ]))
    }

    /// The same from 0 replicas, where the server leaves the field out and there is nothing to test: guarded by the version of
    /// the object at which they were 0. 409 = it has another one now.
    package static func setReplicasFromZero(
        _ workload: WorkloadName, uid: String, resourceVersion: String, to: Int, isDryRun: Bool = false
    ) -> KubernetesRequest {
        setReplicas(
            workload, isDryRun, .mergePatch(MergePatch(uid: uid, resourceVersion: resourceVersion, replicas: to)))
    }

    private static func setReplicas(
        _ workload: WorkloadName, _ isDryRun: Bool, _ body: KubernetesBody
    ) -> KubernetesRequest {
        KubernetesRequest(
            .patch, verb: "patch", group: apps, resource: workload.kind.resource + "/scale",
            namespace: workload.namespace, name: workload.name, query: patchQuery(isDryRun), body: body)
    }

    static func patchQuery(_ isDryRun: Bool) -> [(name: String, value: String)] {
        [("fieldManager", fieldManager)] + (isDryRun ? [("dryRun", "All")] : [])
    }
}
