/// What every object says about itself; only the fields that are used. All are optional, because an answer may be anything.
package struct ObjectMeta: Hashable, Sendable, Codable {
    package var name: String?
    package var namespace: String?
    package var uid: String?
    /// Opaque: compared for equality and sent back, never ordered.
    package var resourceVersion: String?
    package var generation: Int64?
    package var annotations: [String: String]?
    package var creationTimestamp: KubernetesTime?
    /// Set once the object is to go.
    package var deletionTimestamp: KubernetesTime?
    package var ownerReferences: [OwnerReference]?

    package init(name: String? = nil, namespace: String? = nil, uid: String? = nil, resourceVersion: String? = nil) {
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.resourceVersion = resourceVersion
    }
}

package struct OwnerReference: Hashable, Sendable, Codable {
    package var kind: String?
    package var name: String?
    package var uid: String?
    package var controller: Bool?

    package init(kind: String?, name: String?, uid: String?, controller: Bool?) {
        self.kind = kind
        self.name = name
        self.uid = uid
        self.controller = controller
    }
}

/// The `metadata` of a list.
package struct ListMeta: Hashable, Sendable, Codable {
    package var resourceVersion: String?
    /// Asks for the next page; nil or empty on the last.
    package var `continue`: String?

    package init(resourceVersion: String? = nil, continue next: String? = nil) {
        self.resourceVersion = resourceVersion
        self.continue = next
    }
}
