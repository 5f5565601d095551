package import RelayCluster
import RelayKubernetes

/// How to reach the API server and what to drive there. What is nil comes from the pod that the autoscaler runs in.
package struct KubernetesSettings: Sendable {
    /// `https://host:port`; nil = `KUBERNETES_SERVICE_HOST` and `_PORT` of the environment. `http` only for a proxy on the
    /// loopback interface: a token goes over no network in clear.
    package var url: String?
    /// Where the workloads and the lease are; nil = that of the service account.
    package var namespace: String?
    /// The file of the bearer token; nil = that of the service account, if there is one.
    package var tokenFile: String?
    /// The file of the certificates to trust (PEM); nil = that of the service account, if there is one, or the system's.
    package var caFile: String?
    /// The Deployment of edges and the StatefulSet of origins; a role without one is not driven.
    package var workloads: [NodeRole: String] = [:]
    /// The Lease that leaders are elected by.
    package var lease = "relay-autoscaler"
    /// Who this process is, in events and the lease: the pod's name.
    package var identity = "relay-autoscaler"
    /// For the user agent, so that the server's audit log tells releases apart.
    package var release = "0"
    /// Where Kubernetes puts a service account's files.
    package var serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    package init() {}

    /// All that is wrong with the settings at once; each line says what to do.
    package struct Mistakes: Error, Hashable, Sendable, CustomStringConvertible {
        package var list: [String]
        package var description: String { list.joined(separator: " ") }
    }

    /// Which kind of workload a role has.
    static func kind(of role: NodeRole) -> WorkloadKind { role == .origin ? .statefulSet : .deployment }
}
