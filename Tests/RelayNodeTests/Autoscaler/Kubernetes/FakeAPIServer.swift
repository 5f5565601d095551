import Foundation
import Synchronization

/// A Kubernetes API server of one Deployment, its pods and one lease, over plain HTTP on loopback, that also does what a
/// healthy server never would. A real one is the oracle for everything else.
final class FakeAPIServer: Sendable {
    /// What to do instead of answering.
    enum Fault: Sendable {
        case status(Int, headers: [String] = [], body: String = "")
        case silence
        case close
        case text(String)
        case flood
    }

    struct State: Sendable {
        var token: String? = nil
        var version = 100
        var uid = "deployment-uid"
        var replicas = 3
        var pods: [String: Int] = [:]
        var lease: String?
        var leaseVersion = 0
        /// Requests that fail: a text that the request line contains, how often, and how.
        var faults: [(contains: String, times: Int, fault: Fault)] = []
        var requests: [(line: String, head: String, body: String)] = []
        /// Sockets of the watches that are open.
        var watches: [Int32] = []
        var listed = 0
    }

    let port: UInt16
    private let socket: Int32
    private let state = Mutex(State())

    init() throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(socket, pointer, size) == 0 && listen(socket, 64) == 0
                && getsockname(socket, pointer, &size) == 0
        }
        guard socket >= 0, bound else { throw POSIXError(.EADDRNOTAVAIL) }
        self.socket = socket
        port = UInt16(bigEndian: address.sin_port)
        state.withLock { state in for index in 0..<3 { state.pods["relay-edge-5f-\(index)"] = 100 } }
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(socket, nil, nil)
                guard client >= 0 else {
                    close(socket)
                    return
                }
                Thread.detachNewThread { [weak self] in
                    self?.serve(client)
                    close(client)
                }
            }
        }
    }

    deinit { shutdown(socket, Int32(SHUT_RDWR)) }

    /// Changes or reads what the server is.
    @discardableResult func with<T>(_ body: (inout State) -> T) -> T { state.withLock { body(&$0) } }

    /// Makes requests fail.
    func fail(_ contains: String, times: Int = 1, _ fault: Fault) {
        with { $0.faults.append((contains, times, fault)) }
    }

    func count(_ contains: String) -> Int { with { $0.requests.count { $0.line.contains(contains) } } }

    /// Sends a line to every watch that is open.
    func tell(_ line: String) { with { for client in $0.watches { write(client, line + "\n") } } }

    /// Breaks every watch that is open.
    func cutWatches() { with { for client in $0.watches { shutdown(client, Int32(SHUT_RDWR)) } } }

    static func pod(_ name: String, version: Int, cost: String? = nil, owner: String = "relay-edge-5f") -> String {
        let annotations = cost.map { #","annotations":{"controller.kubernetes.io/pod-deletion-cost":"\#($0)"}"# } ?? ""
        return #"""
            {"metadata":{"name":"\#(name)","uid":"uid-\#(name)","resourceVersion":"\#(version)","creationTimestamp":"2026-01-01T00:00:00Z"\#(annotations),"ownerReferences":[{"kind":"ReplicaSet","name":"\#(owner)","uid":"rs","controller":true}]},"spec":{"nodeName":"n"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:05Z"}]}}
            """#
    }

    // MARK: serving

    private func serve(_ client: Int32) {
        var request: [UInt8] = []
        var head = ""
        var body = ""
        while true {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = recv(client, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            request += bytes.prefix(count)
            let text = String(decoding: request, as: UTF8.self)
            guard let end = text.range(of: "\r\n\r\n") else { continue }
            head = String(text[..<end.lowerBound])
            body = String(text[end.upperBound...])
            let length =
                head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                .flatMap { Int($0.split(separator: ":")[1].trimmingCharacters(in: .whitespaces)) } ?? 0
            if body.utf8.count >= length { break }
        }
        let line = String(head.prefix { $0 != "\r\n" })
        let fault = with { state -> Fault? in
            state.requests.append((line, head, body))
            guard let index = state.faults.firstIndex(where: { line.contains($0.contains) && $0.times > 0 }) else {
                return nil
            }
            state.faults[index].times -= 1
            return state.faults[index].fault
        }
        switch fault {
        case .status(let status, let headers, let body)?: answer(client, status, body, headers)
        case .silence?: wait(client)
        case .close?: break
        case .text(let text)?: write(client, text)
        case .flood?:
            write(client, "HTTP/1.1 200 OK\r\n\r\n{\"metadata\":{\"name\":\"")
            let part = String(repeating: "x", count: 65_536)
            while write(client, part) {}
        case nil: reply(client, line, head, body)
        }
    }

    private func reply(_ client: Int32, _ line: String, _ head: String, _ body: String) {
        let parts = line.split(separator: " ")
        let (method, target) = (String(parts[0]), String(parts[1]))
        let isAllowed = with { state in
            state.token.map {
                head.contains("Authorization: Bearer \($0)\r\n") || head.hasSuffix("Authorization: Bearer \($0)")
            } ?? true
        }
        guard isAllowed else { return answer(client, 401, #"{"kind":"Status","code":401}"#) }
        if target.contains("watch=1") { return watch(client) }
        let (status, text) = with { state -> (Int, String) in
            switch (method, target.prefix { $0 != "?" }) {
            case ("GET", "/apis/apps/v1/namespaces/live/deployments/relay-edge"):
                return (
                    200,
                    #"{"metadata":{"name":"relay-edge","uid":"\#(state.uid)","generation":1},"spec":{"replicas":\#(state.replicas)},"status":{"observedGeneration":1,"replicas":\#(state.replicas),"updatedReplicas":\#(state.replicas)}}"#
                )
            case ("GET", "/apis/apps/v1/namespaces/live/deployments/relay-edge/scale"):
                let spec = state.replicas == 0 ? "{}" : #"{"replicas":\#(state.replicas)}"#
                return (
                    200,
                    #"{"metadata":{"name":"relay-edge","uid":"\#(state.uid)","resourceVersion":"\#(state.version)"},"spec":\#(spec),"status":{"selector":"app=edge"}}"#
                )
            case ("PATCH", "/apis/apps/v1/namespaces/live/deployments/relay-edge/scale"):
                guard body.contains(state.uid) else { return (422, "{}") }
                let isJSONPatch = head.contains("json-patch")
                let wanted = body.split(whereSeparator: { !$0.isNumber && $0 != "-" }).compactMap { Int($0) }
                if isJSONPatch {
                    guard body.contains(#""value":\#(state.replicas)"#) else { return (422, "{}") }
                } else if !body.contains(#""resourceVersion":"\#(state.version)""#) {
                    return (409, "{}")
                }
                if !target.contains("dryRun"), let last = wanted.last(where: { _ in true }) {
                    state.replicas = isJSONPatch ? Self.replacement(body) ?? last : Self.mergeReplicas(body) ?? last
                    state.version += 1
                }
                return (200, "{}")
            case ("GET", "/api/v1/namespaces/live/pods"):
                state.listed += 1
                let items = state.pods.sorted { $0.key < $1.key }.map { Self.pod($0.key, version: $0.value) }
                return (
                    200,
                    #"{"metadata":{"resourceVersion":"\#(state.version)"},"items":[\#(items.joined(separator: ","))]}"#
                )
            case ("PATCH", let path) where path.hasPrefix("/api/v1/namespaces/live/pods/"):
                return state.pods[String(path.split(separator: "/").last ?? "")] == nil ? (404, "{}") : (200, "{}")
            case ("GET", "/apis/autoscaling/v2/namespaces/live/horizontalpodautoscalers"):
                return (200, #"{"metadata":{},"items":[]}"#)
            case ("POST", "/apis/events.k8s.io/v1/namespaces/live/events"): return (201, "{}")
            case ("GET", "/apis/coordination.k8s.io/v1/namespaces/live/leases/relay-autoscaler"):
                return state.lease.map { (200, $0) } ?? (404, "{}")
            case ("POST", "/apis/coordination.k8s.io/v1/namespaces/live/leases"):
                guard state.lease == nil else { return (409, "{}") }
                return (201, Self.store(body, &state))
            case ("PUT", "/apis/coordination.k8s.io/v1/namespaces/live/leases/relay-autoscaler"):
                guard body.contains(#""resourceVersion":"\#(state.leaseVersion)""#) else { return (409, "{}") }
                return (200, Self.store(body, &state))
            default: return (404, #"{"kind":"Status","code":404}"#)
            }
        }
        answer(client, status, text)
    }

    private static func store(_ body: String, _ state: inout State) -> String {
        state.leaseVersion += 1
        guard var object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any],
            var metadata = object["metadata"] as? [String: Any]
        else { return "{}" }
        metadata["resourceVersion"] = "\(state.leaseVersion)"
        object["metadata"] = metadata
        let data = (try? JSONSerialization.data(withJSONObject: object)) ?? Data()
        let text = String(decoding: data, as: UTF8.self)
        state.lease = text
        return text
    }

    private static func replacement(_ body: String) -> Int? {
        let steps = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [[String: Any]]
        return steps?.first { $0["op"] as? String == "replace" }?["value"] as? Int
    }

    private static func mergeReplicas(_ body: String) -> Int? {
        let patch = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        return (patch?["spec"] as? [String: Any])?["replicas"] as? Int
    }

    private func watch(_ client: Int32) {
        write(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        with { $0.watches.append(client) }
        wait(client)
        with { state in state.watches.removeAll { $0 == client } }
    }

    private func answer(_ client: Int32, _ status: Int, _ body: String, _ headers: [String] = []) {
        let fields = headers.map { $0 + "\r\n" }.joined()
        write(
            client,
            "HTTP/1.1 \(status) X\r\n\(fields)Connection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private func wait(_ client: Int32) {
        var byte: UInt8 = 0
        while recv(client, &byte, 1, 0) > 0 {}
    }

    @discardableResult private func write(_ client: Int32, _ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
