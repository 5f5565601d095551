/// `autoscaling/v1` Scale: the replicas of a workload through its scale subresource.
package struct ScaleObject: Hashable, Sendable, Codable {
    package var metadata: ObjectMeta
    package var spec: Spec?
    package var status: Status?

    package struct Spec: Hashable, Sendable, Codable {
        /// Left out by the server when it is 0.
        package var replicas: Int32?
    }

    package struct Status: Hashable, Sendable, Codable {
        package var replicas: Int32?
        /// Selects the workload's pods, in the form that lists take.
        package var selector: String?
    }

    /// Replicas asked for.
    package var replicas: Int { Int(max(0, spec?.replicas ?? 0)) }  // bounded: Int32
}

/// `apps/v1` Deployment or StatefulSet; only the fields that tell whether a rollout is under way.
package struct WorkloadObject: Hashable, Sendable, Codable {
    package var metadata: ObjectMeta
    package var spec: Spec?
    package var status: Status?

    package struct Spec: Hashable, Sendable, Codable {
        /// Filled in by the server when it was left out.
        package var replicas: Int32?
        package var paused: Bool?
    }

    package struct Status: Hashable, Sendable, Codable {
        package var observedGeneration: Int64?
        /// Pods that exist and are not on their way out.
        package var replicas: Int32?
        package var updatedReplicas: Int32?
        /// StatefulSet only: the two differ during a rollout.
        package var currentRevision: String?
        package var updateRevision: String?
    }

    /// Replicas asked for; 1 where nothing is said (the API's default).
    package var replicas: Int { Int(max(0, spec?.replicas ?? 1)) }  // bounded: Int32

    /// Pods that the controller counts; nil until it has looked.
    package var countedPods: Int? {
        guard let status, status.observedGeneration != nil else { return nil }
        return Int(max(0, status.replicas ?? 0))  // bounded: Int32
    }

    /// Whether the controller has seen the newest specification and every pod asked for is there and of the newest template.
    /// While it is not, deletion costs would act inside two ReplicaSets, and fewer replicas might delete nothing.
    package var isSettled: Bool {
        guard let status, let observed = status.observedGeneration, observed >= metadata.generation ?? 0 else {
            return false
        }
        let replicas = spec?.replicas ?? 1
        return (status.replicas ?? 0) == replicas && (status.updatedReplicas ?? 0) == replicas
            && status.currentRevision == status.updateRevision
    }
}
