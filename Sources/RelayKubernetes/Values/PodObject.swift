/// `v1` Pod; only the fields that deletion is ordered by.
package struct PodObject: Hashable, Sendable, Codable {
    /// KEP-2255.
    package static let deletionCost = "controller.kubernetes.io/pod-deletion-cost"

    package var metadata: ObjectMeta
    package var spec: Spec?
    package var status: Status?

    package struct Spec: Hashable, Sendable, Codable {
        package var nodeName: String?
    }

    package struct Status: Hashable, Sendable, Codable {
        package var phase: String?
        package var conditions: [Condition]?
        package var containerStatuses: [ContainerStatus]?
    }

    package struct Condition: Hashable, Sendable, Codable {
        package var type: String?
        package var status: String?
        package var lastTransitionTime: KubernetesTime?
    }

    package struct ContainerStatus: Hashable, Sendable, Codable {
        package var restartCount: Int32?
    }

    package init(metadata: ObjectMeta) { self.metadata = metadata }

    /// The condition that readiness is read from; nil until the kubelet wrote one.
    package var ready: Condition? { status?.conditions?.first { $0.type == "Ready" } }

    /// Whether the pod is over and only waits to be tidied away; controllers do not count it.
    package var isOver: Bool { status?.phase == "Succeeded" || status?.phase == "Failed" }

    /// Of all containers. The ReplicaSet controller compares the largest of them.
    package var restarts: Int {
        Int((status?.containerStatuses ?? []).reduce(Int32(0)) { max($0, $1.restartCount ?? 0) })  // bounded: Int32
    }

    /// nil without one, and for a value that the server would not have taken.
    package var cost: Int32? { metadata.annotations?[Self.deletionCost].flatMap { Int32($0) } }

    /// Whether this workload's controller made it: a selector may also match pods of others. A Deployment's pods belong to
    /// ReplicaSets called after it, with a hash without dashes.
    package func belongs(to workload: WorkloadName, uid: String) -> Bool {
        guard let owner = metadata.ownerReferences?.first(where: { $0.controller == true }) else { return false }
        switch workload.kind {
        case .statefulSet: return owner.kind == "StatefulSet" && owner.uid == uid
        case .deployment:
            let prefix = workload.name.text + "-"
            guard owner.kind == "ReplicaSet", let name = owner.name, name.hasPrefix(prefix) else { return false }
            return !name.dropFirst(prefix.count).contains("-")
        }
    }
}

/// One page of pods.
package struct PodPage: Hashable, Sendable, Decodable {
    package var metadata: ListMeta
    package var items: [PodObject]

    package init(metadata: ListMeta, items: [PodObject]) {
        self.metadata = metadata
        self.items = items
    }

    private enum CodingKeys: CodingKey { case metadata, items }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ListMeta.self, forKey: .metadata)
        // An empty list may be written as null.
        items = try container.decodeIfPresent([PodObject].self, forKey: .items) ?? []
    }
}
