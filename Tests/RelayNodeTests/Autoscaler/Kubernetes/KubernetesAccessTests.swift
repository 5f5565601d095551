import Foundation
import RelayCluster
import RelayKubernetes
import Testing

@testable import RelayNode

@Suite("How the API server is found")
struct KubernetesAccessTests {
    private func settings(_ change: (inout KubernetesSettings) -> Void = { _ in }) -> KubernetesSettings {
        var settings = KubernetesSettings()
        settings.serviceAccountFolder = "/nowhere"
        settings.namespace = "live"
        change(&settings)
        return settings
    }

    private func mistakes(_ settings: KubernetesSettings, _ environment: [String: String] = [:]) -> [String] {
        do throws(KubernetesSettings.Mistakes) {
            _ = try KubernetesAccess(settings, environment: environment)
            return []
        } catch { return error.list }
    }

    @Test(
        "In a pod, the environment says where it is",
        arguments: [
            ("10.0.0.1", "443", "https://10.0.0.1:443"), ("fd00::1", "6443", "https://[fd00::1]:6443"),
            ("api.example", "1", "https://api.example:1"),
        ])
    func environment(host: String, port: String, base: String) throws {
        let environment = ["KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port]
        #expect(try KubernetesAccess(settings(), environment: environment).base == base)
    }

    @Test("A URL of the operator's is before the environment")
    func explicit() throws {
        let access = try KubernetesAccess(
            settings { $0.url = "https://[fd00::1]:6443/" }, environment: ["KUBERNETES_SERVICE_HOST": "10.0.0.1"])
        #expect(access.base == "https://[fd00::1]:6443")
        #expect(access.tokenFile == nil)
    }

    @Test("A service account's files are used where nothing else is said")
    func serviceAccount() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "relay-account-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in [("namespace", "media\n"), ("token", "t"), ("ca.crt", "c")] {
            try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
        }
        let access = try KubernetesAccess(
            settings {
                $0.serviceAccountFolder = folder.path
                $0.namespace = nil
                $0.url = "https://h"
            }, environment: [:])
        #expect(access.namespace.text == "media")
        #expect(access.tokenFile == folder.path + "/token")
        #expect(access.caFile == folder.path + "/ca.crt")
    }

    @Test(
        "A token goes over no network in clear",
        arguments: ["http://10.0.0.1:80", "http://api.example", "http://127.0.0.1.example"])
    func clear(url: String) { #expect(mistakes(settings { $0.url = url }).contains { $0.contains("https") }) }

    @Test(
        "Odd URLs and hosts are mistakes",
        arguments: ["", "ftp://h", "h:6443", "https://", "https://u:p@h", "https://h?x=1"])
    func odd(url: String) { #expect(mistakes(settings { $0.url = url }).isEmpty == false) }

    @Test(
        "An odd environment is a mistake",
        arguments: [("a/b", "1"), ("a@b", "1"), ("a b", "1"), ("a", "x"), ("a", "70000"), ("", "1")])
    func oddEnvironment(host: String, port: String) {
        #expect(mistakes(settings(), ["KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port]).count == 1)
    }

    @Test("All mistakes are told at once")
    func all() {
        let list = mistakes(
            settings {
                $0.namespace = "Live!"
                $0.workloads = [.edge: "a/b", .origin: ""]
                $0.lease = "x y"
                $0.tokenFile = "/nowhere/token"
                $0.caFile = "/nowhere/ca"
            })
        #expect(list.count == 7)
    }
}
