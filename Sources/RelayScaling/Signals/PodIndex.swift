/// The workload's pods by name, made once a tick; names are sorted into the table anew only when they change.
package struct PodIndex: Sendable {
    private var pods: [PodStatus]
    private var byName: [String: Int] = [:]

    package init(_ pods: [PodStatus] = []) {
        self.pods = pods
        index()
    }

    /// Takes the newest list.
    mutating func update(_ newer: [PodStatus]) {
        let isSame =
            newer.count == pods.count
            && newer.indices.allSatisfy {
                newer[$0].name == pods[$0].name && newer[$0].isTerminating == pods[$0].isTerminating
            }
        pods = newer
        if !isSame { index() }
    }

    private mutating func index() {
        byName.removeAll(keepingCapacity: true)
        byName.reserveCapacity(pods.count)
        for (index, pod) in pods.enumerated() {
            // Of two of one name (a terminating one and its successor) the living one counts.
            if let other = byName[pod.name], !pods[other].isTerminating { continue }
            byName[pod.name] = index
        }
    }

    package var isEmpty: Bool { pods.isEmpty }

    package subscript(name: String) -> PodStatus? { byName[name].map { pods[$0] } }

    /// The pod of a name, given where it was found before; the hint is corrected.
    func find(_ name: String, hint: inout Int) -> PodStatus? {
        if pods.indices.contains(hint), pods[hint].name == name, !pods[hint].isTerminating { return pods[hint] }
        guard let index = byName[name] else { return nil }
        hint = index
        return pods[index]
    }
}

extension PodStatus {
    /// Tells one life of a pod from another of the same name.
    var identity: String { uid.isEmpty ? name : uid }

    /// The number of a StatefulSet's pod; nil when the name has none.
    var ordinal: Int? {
        guard let dash = name.lastIndex(of: "-") else { return nil }
        return Int(name[name.index(after: dash)...]).flatMap { $0 >= 0 && $0 < mostNodes ? $0 : nil }
    }
}
