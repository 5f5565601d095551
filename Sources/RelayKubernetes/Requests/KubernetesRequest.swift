/// One call of the Kubernetes API as a value: what to send, and what a refusal is about. The interpreter adds the server, the
/// token and a deadline.
package struct KubernetesRequest: Hashable, Sendable {
    package enum Method: String, Hashable, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
    }

    package var method: Method
    /// Path and query, escaped, beginning with `/`.
    package var target: String
    package var body: KubernetesBody?
    /// The verb of RBAC: `get`, `list`, `watch`, `create`, `update`, `patch`.
    package var verb: String
    /// The resource of RBAC, with its subresource: `deployments/scale`.
    package var resource: String
    package var namespace: KubernetesName
    /// Longest answer that is accepted, bytes.
    package var maximumBytes: Int

    /// Most objects of one page; more would make the server read all of them at once.
    package static let pageSize = 500
    /// A single object: etcd takes 1.5 MiB.
    static let objectBytes = 2 << 20
    /// A page of pods of some 10 kB each, three times over.
    static let pageBytes = 16 << 20
    /// The longest label selector and continue token that are sent back: what fits a URL of any server.
    static let maximumTokenBytes = 8 << 10

    /// Who changed a field, in the object's `managedFields`.
    static let fieldManager = "relay-autoscaler"

    /// `patch deployments/scale in namespace live`.
    package var words: String { "\(verb) \(resource) in namespace \(namespace)" }

    init(
        _ method: Method, verb: String, group: String, resource: String, namespace: KubernetesName,
        name: KubernetesName? = nil, query: [(name: String, value: String)] = [], body: KubernetesBody? = nil,
        maximumBytes: Int = Self.objectBytes
    ) {
        self.method = method
        self.verb = verb
        self.resource = resource
        self.namespace = namespace
        self.body = body
        self.maximumBytes = maximumBytes
        // Only literals and checked names: nothing in here needs an escape.
        let parts = resource.split(separator: "/", maxSplits: 1)
        var path = "/\(group)/namespaces/\(namespace)/\(parts.first ?? "")"
        if let name { path += "/\(name)" }
        if parts.count > 1 { path += "/\(parts[1])" }
        target = path + URLQuery.encode(query)
    }
}

/// What a request carries.
package enum KubernetesBody: Hashable, Sendable, Encodable {
    case jsonPatch([JSONPatchStep])
    case mergePatch(MergePatch)
    case lease(LeaseObject)
    case event(EventObject)

    package var contentType: String {
        switch self {
        case .jsonPatch: "application/json-patch+json"
        case .mergePatch: "application/merge-patch+json"
        case .lease, .event: "application/json"
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .jsonPatch(let steps): try container.encode(steps)
        case .mergePatch(let patch): try container.encode(patch)
        case .lease(let lease): try container.encode(lease)
        case .event(let event): try container.encode(event)
        }
    }
}
