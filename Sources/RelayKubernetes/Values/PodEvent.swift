/// One line of a watch on pods.
package enum PodEvent: Hashable, Sendable, Decodable {
    case added(PodObject)
    case modified(PodObject)
    case deleted(PodObject)
    /// Nothing changed up to this resource version.
    case bookmark(String)
    /// The server gives the watch up.
    case error(StatusObject)
    /// A kind of event that newer servers may have.
    case other

    private enum CodingKeys: CodingKey { case type, object }
    private struct Marked: Decodable { var metadata: ObjectMeta }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "ADDED": self = .added(try container.decode(PodObject.self, forKey: .object))
        case "MODIFIED": self = .modified(try container.decode(PodObject.self, forKey: .object))
        case "DELETED": self = .deleted(try container.decode(PodObject.self, forKey: .object))
        case "BOOKMARK":
            let version = try container.decode(Marked.self, forKey: .object).metadata.resourceVersion
            self = version.map { .bookmark($0) } ?? .other
        case "ERROR": self = .error(try container.decode(StatusObject.self, forKey: .object))
        default: self = .other
        }
    }
}
