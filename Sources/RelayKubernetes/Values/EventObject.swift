/// `events.k8s.io/v1` Event, as it is created. Lengths are those that the server accepts; longer texts are cut.
package struct EventObject: Hashable, Sendable, Encodable {
    package var apiVersion = "events.k8s.io/v1"
    package var kind = "Event"
    package var metadata: ObjectMeta
    package var eventTime: KubernetesTime
    package var reportingController = "relay.dev/autoscaler"
    package var reportingInstance: String
    package var action: String
    package var reason: String
    package var regarding: Reference
    package var note: String
    package var type: String

    package struct Reference: Hashable, Sendable, Encodable {
        package var apiVersion = "apps/v1"
        package var kind: String
        package var namespace: String
        package var name: String
        package var uid: String?
    }

    /// - Parameters:
    ///   - name: of the event itself; unique in the namespace.
    ///   - reason: one word; anything else in it is taken out.
    ///   - reporter: who says so: the pod's name.
    package init(
        name: KubernetesName, about workload: WorkloadName, uid: String?, reason: String, note: String, isWarning: Bool,
        reporter: String, at time: KubernetesTime
    ) {
        metadata = ObjectMeta(name: name.text, namespace: workload.namespace.text)
        eventTime = time
        reportingInstance = Self.cut(reporter, 128)
        action = "Scale"
        let word = reason.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        self.reason = word.isEmpty ? "Decision" : Self.cut(word, 128)
        regarding = Reference(
            kind: workload.kind.rawValue, namespace: workload.namespace.text, name: workload.name.text, uid: uid)
        self.note = Self.cut(note, 1_024)
        type = isWarning ? "Warning" : "Normal"
    }

    /// At most this many bytes, whole characters.
    static func cut(_ text: String, _ bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var result = ""
        var count = 0
        for character in text {
            count += character.utf8.count
            if count > bytes { break }
            result.append(character)
        }
        return result
    }
}
