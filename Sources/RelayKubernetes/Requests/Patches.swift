/// One step of a JSON Patch (RFC 6902). If a `test` fails, nothing of the patch is done: the server answers 422.
package enum JSONPatchStep: Hashable, Sendable, Encodable {
    case test(String, Value)
    case replace(String, Value)

    package enum Value: Hashable, Sendable {
        case text(String)
        case number(Int)
    }

    private enum CodingKeys: CodingKey { case op, path, value }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        let (operation, path, value) =
            switch self {
            case .test(let path, let value): ("test", path, value)
            case .replace(let path, let value): ("replace", path, value)
            }
        try container.encode(operation, forKey: .op)
        try container.encode(path, forKey: .path)
        switch value {
        case .text(let text): try container.encode(text, forKey: .value)
        case .number(let number): try container.encode(number, forKey: .value)
        }
    }
}

/// A JSON Merge Patch (RFC 7386) of the few fields that are ever changed. An object's `uid` in it is a guard: the server
/// answers 409 (for a workload) or 422 (for a pod) when the object is another one; so is its `resourceVersion` (409).
package struct MergePatch: Hashable, Sendable, Encodable {
    package var uid: String?
    package var resourceVersion: String?
    package var replicas: Int?
    /// nil leaves annotations alone; a nil value takes one away.
    package var annotation: Annotation?

    package struct Annotation: Hashable, Sendable {
        package var name: String
        package var value: String?
    }

    package init(
        uid: String? = nil, resourceVersion: String? = nil, replicas: Int? = nil, annotation: Annotation? = nil
    ) {
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.replicas = replicas
        self.annotation = annotation
    }

    private enum CodingKeys: CodingKey { case metadata, uid, resourceVersion, annotations, spec, replicas }
    private struct AnyName: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package func encode(to encoder: any Encoder) throws {
        var whole = encoder.container(keyedBy: CodingKeys.self)
        if uid != nil || resourceVersion != nil || annotation != nil {
            var metadata = whole.nestedContainer(keyedBy: CodingKeys.self, forKey: .metadata)
            try metadata.encodeIfPresent(uid, forKey: .uid)
            try metadata.encodeIfPresent(resourceVersion, forKey: .resourceVersion)
            if let annotation {
                var annotations = metadata.nestedContainer(keyedBy: AnyName.self, forKey: .annotations)
                // Not encodeIfPresent: null is what takes the annotation away.
                try annotations.encode(annotation.value, forKey: AnyName(annotation.name))
            }
        }
        if let replicas {
            var spec = whole.nestedContainer(keyedBy: CodingKeys.self, forKey: .spec)
            try spec.encode(replicas, forKey: .replicas)
        }
    }
}
