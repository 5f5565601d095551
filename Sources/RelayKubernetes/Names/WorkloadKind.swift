/// The kinds of workload that are scaled.
package enum WorkloadKind: String, Hashable, Sendable, CaseIterable {
    /// Of edges: pods are alike, and any of them may go.
    case deployment = "Deployment"
    /// Of origins: pods have names of their own, and the highest ordinal goes first.
    case statefulSet = "StatefulSet"

    /// As paths and RBAC rules call it.
    package var resource: String { self == .deployment ? "deployments" : "statefulsets" }
}

/// One workload in one namespace.
package struct WorkloadName: Hashable, Sendable, CustomStringConvertible {
    package var kind: WorkloadKind
    package var namespace: KubernetesName
    package var name: KubernetesName

    package init(kind: WorkloadKind, namespace: KubernetesName, name: KubernetesName) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    /// `Deployment live/relay-edge`.
    package var description: String { "\(kind.rawValue) \(namespace)/\(name)" }
}
