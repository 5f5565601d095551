import Foundation
import RelayCluster
import RelayKubernetes

/// Where the API server is and what opens it, resolved from settings, environment and files.
struct KubernetesAccess: Sendable {
    /// Without a slash at its end.
    let base: String
    let namespace: KubernetesName
    /// nil when no token is sent.
    let tokenFile: String?
    let caFile: String?

    init(_ settings: KubernetesSettings, environment: [String: String]) throws(KubernetesSettings.Mistakes) {
        var mistakes: [String] = []
        func file(_ name: String) -> String? {
            let path = settings.serviceAccountFolder + "/" + name
            return FileManager.default.isReadableFile(atPath: path) ? path : nil
        }
        let base = Self.base(settings, environment, &mistakes)
        let isClear = base.hasPrefix("http://")
        if isClear, !Self.isLoopback(base) {
            mistakes.append(
                "autoscaler.kubernetes.url: http is allowed for 127.0.0.1, [::1] and localhost only; use https.")
        }
        self.base = base

        let name =
            settings.namespace
            ?? file("namespace").flatMap { Self.text($0) }?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let namespace = name.flatMap { KubernetesName($0) }
        if namespace == nil {
            mistakes.append(
                name == nil
                    ? "autoscaler.kubernetes.namespace: not known; set it, or run with a service account."
                    : "autoscaler.kubernetes.namespace: not the name of a namespace.")
        }
        for (key, path) in [("tokenFile", settings.tokenFile), ("caFile", settings.caFile)] {
            guard let path, !FileManager.default.isReadableFile(atPath: path) else { continue }
            mistakes.append("autoscaler.kubernetes.\(key): \(path) cannot be read.")
        }
        tokenFile = settings.tokenFile ?? file("token")
        caFile = isClear ? nil : settings.caFile ?? file("ca.crt")
        for (role, workload) in settings.workloads where KubernetesName(workload) == nil {
            mistakes.append(
                "autoscaler.\(role.rawValue).workload: not the name of a \(KubernetesSettings.kind(of: role)).")
        }
        if KubernetesName(settings.lease) == nil { mistakes.append("autoscaler.lease: not a name in Kubernetes.") }
        guard mistakes.isEmpty, let namespace else { throw KubernetesSettings.Mistakes(list: mistakes) }
        self.namespace = namespace
    }

    private static func base(
        _ settings: KubernetesSettings, _ environment: [String: String], _ mistakes: inout [String]
    ) -> String {
        if let url = settings.url {
            guard let parts = URLComponents(string: url), parts.scheme == "https" || parts.scheme == "http",
                parts.host?.isEmpty == false, parts.query == nil, parts.fragment == nil, parts.user == nil
            else {
                mistakes.append("autoscaler.kubernetes.url: not of the form https://host:port.")
                return ""
            }
            return url.hasSuffix("/") ? String(url.dropLast()) : url
        }
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") }),
            let port = environment["KUBERNETES_SERVICE_PORT"].flatMap({ UInt16($0) })
        else {
            mistakes.append("autoscaler.kubernetes.url: not known; set it, or run in a pod of the cluster.")
            return ""
        }
        return host.contains(":") ? "https://[\(host)]:\(port)" : "https://\(host):\(port)"
    }

    private static func isLoopback(_ url: String) -> Bool {
        ["127.0.0.1", "localhost", "[::1]", "::1"].contains(URLComponents(string: url)?.host ?? "")
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
