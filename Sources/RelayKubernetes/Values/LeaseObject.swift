/// `coordination.k8s.io/v1` Lease.
package struct LeaseObject: Hashable, Sendable, Codable {
    package var apiVersion: String?
    package var kind: String?
    package var metadata: ObjectMeta
    package var spec: Spec?

    package struct Spec: Hashable, Sendable, Codable {
        /// Who leads; empty or missing = nobody.
        package var holderIdentity: String?
        package var leaseDurationSeconds: Int32?
        package var acquireTime: KubernetesTime?
        package var renewTime: KubernetesTime?
        /// Grows with each change of holder.
        package var leaseTransitions: Int32?

        package init() {}
    }

    package init(metadata: ObjectMeta, spec: Spec?) {
        apiVersion = "coordination.k8s.io/v1"
        kind = "Lease"
        self.metadata = metadata
        self.spec = spec
    }
}
