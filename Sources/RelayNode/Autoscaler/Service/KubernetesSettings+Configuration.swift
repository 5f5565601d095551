import RelayCluster

extension KubernetesSettings {
    /// Names of the workloads where none are configured: those of the chart.
    static let defaultEdgeWorkload = "relay-edge"
    static let defaultOriginWorkload = "relay-origin"

    /// The settings as the operator configured them; what is empty comes from the pod.
    init(_ configuration: RelayConfiguration) {
        self.init()
        let scaling = configuration.autoscaler
        func given(_ text: String) -> String? { text.isEmpty ? nil : text }
        url = given(scaling.kubernetes.url)
        namespace = given(scaling.kubernetes.namespace)
        tokenFile = given(scaling.kubernetes.tokenFile)
        caFile = given(scaling.kubernetes.caFile)
        if scaling.edge.mode != .off { workloads[.edge] = given(scaling.edge.workload) ?? Self.defaultEdgeWorkload }
        if scaling.origin.mode != .off {
            workloads[.origin] = given(scaling.origin.workload) ?? Self.defaultOriginWorkload
        }
        lease = scaling.lease
        identity = configuration.node.name
        release = RelayVersion.current
    }
}
