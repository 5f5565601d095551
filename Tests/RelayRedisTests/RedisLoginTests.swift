import Foundation
import RelayCluster
import RelayCore
import RelayRedis
import RelayTestKit
import Testing

extension RedisSuite {
    @Suite("Redis, getting in") struct RedisLoginTests {
        /// What a registry that is not let in says about it.
        @discardableResult private func refusal(_ url: String, says part: String) async throws -> String {
            try await withRegistry(url, waits: false) { registry in
                do {
                    try await eventually("said") { registry.state.lastError?.contains(part) == true }
                } catch {
                    Issue.record("\(url) leads to \(registry.state), which says nothing of \(part)")
                }
                #expect(!registry.state.isConnected)
                let error = await #expect(throws: RegistryError.self) { try await registry.nodes() }
                guard case .unavailable(let text)? = error else {
                    Issue.record("\(String(describing: error)) says more than that the registry is away")
                    return ""
                }
                return text
            }
        }

        @Test("A password is needed where Redis wants one, and never shown")
        func password() async throws {
            try await withRedis(["--requirepass", "hunter2"]) { server in
                try await withRegistry("redis://:hunter2@127.0.0.1:\(server.port)") { registry in
                    let nodes = try await registry.nodes()
                    #expect(nodes.isEmpty)
                }
                try await refusal(server.url, says: "NOAUTH")
                let wrong = try await refusal("redis://:hunter3@127.0.0.1:\(server.port)", says: "WRONGPASS")
                #expect(wrong.contains("URL") && !wrong.contains("hunter"))
            }
        }

        @Test("A user that may touch the prefix and nothing else is enough for all of it")
        func user() async throws {
            try await withRedis { server in
                try await server.command(
                    "ACL SETUSER relay on >p%ss ~relay:1:* &relay:1:* -@all +@read +@write +@scripting +@pubsub "
                        + "+@connection +time +type")
                try await withRegistry("redis://relay:p%25ss@127.0.0.1:\(server.port)") { registry in
                    let failures = await RegistryContract(registry: registry).run()
                    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
                }
                let keys = try await server.command("KEYS *").split(separator: "\r\n").filter { $0.contains(":") }
                #expect(!keys.isEmpty && keys.allSatisfy { $0.hasPrefix("relay:1:") }, "\(keys)")
                try await refusal("redis://relay:x@127.0.0.1:\(server.port)", says: "WRONGPASS")
            }
        }

        @Test("The database of the URL is used, and its name is in the list of clients")
        func database() async throws {
            try await withRedis { server in
                try await withRegistry("redis://127.0.0.1:\(server.port)/3") { registry in
                    _ = try await registry.renew(try node("n"), report: nil, ttl: .seconds(9))
                    #expect(try await server.command("SELECT 3", "EXISTS relay:1:node:n").hasPrefix(":1"))
                    #expect(try await server.command("EXISTS relay:1:node:n").hasPrefix(":0"))
                    #expect(try await server.command("CLIENT LIST").components(separatedBy: "name=relay ").count == 3)
                }
                try await refusal("redis://127.0.0.1:\(server.port)/99", says: "out of range")
            }
        }

        @Test("Clusters of different prefixes do not see each other")
        func prefixes() async throws {
            try await withRedis { server in
                var other = RedisRegistrySettings()
                other.prefix = "other:"
                try await withRegistry(server.url) { first in
                    try await withRegistry(server.url, other) { second in
                        _ = try await first.renew(try node("a"), report: nil, ttl: .seconds(9))
                        _ = try await second.renew(try node("b"), report: nil, ttl: .seconds(9))
                        #expect(try await first.nodes().map(\.record.id.text) == ["a"])
                        #expect(try await second.nodes().map(\.record.id.text) == ["b"])
                    }
                }
            }
        }

        @Test("TLS is spoken with a server whose certificate is trusted and names its host, and with no other")
        func tls() async throws {
            let folder = "/tmp/relay-redis-tls-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try await Self.certificate(in: folder, "IP:127.0.0.1")
            try await withTLS(folder) { plain, port in
                for url in [
                    "rediss://127.0.0.1:\(port)?ca=\(folder)/cert.pem", "rediss://127.0.0.1:\(port)?insecure=true",
                ] {
                    try await withRegistry(url) { registry in
                        _ = try await registry.renew(try node("n"), report: nil, ttl: .seconds(9))
                        let nodes = try await registry.nodes()
                        #expect(nodes.count == 1)
                    }
                }
                // Not trusted; plain bytes to a TLS port, and TLS to a plain one; no such file.
                try await refusal("rediss://127.0.0.1:\(port)", says: "CERTIFICATE_VERIFY_FAILED")
                try await refusal("redis://127.0.0.1:\(port)", says: "Redis")
                try await refusal("rediss://127.0.0.1:\(plain)?insecure=true", says: "Redis")
                try await refusal("rediss://127.0.0.1:\(port)?ca=/nonexistent", says: "ca=")
            }
            try await Self.certificate(in: folder, "DNS:other.example")
            try await withTLS(folder) { _, port in
                // Trusted, but another's.
                for host in ["localhost", "127.0.0.1"] {
                    try await refusal(
                        "rediss://\(host):\(port)?ca=\(folder)/cert.pem", says: "certificate is for another host")
                }
            }
        }

        private func withTLS(_ folder: String, _ body: (_ plain: Int, _ tls: Int) async throws -> Void) async throws {
            let port = try RedisServer.freePort()
            try await withRedis([
                "--tls-port", "\(port)", "--tls-cert-file", "\(folder)/cert.pem", "--tls-key-file", "\(folder)/key.pem",
                "--tls-ca-cert-file", "\(folder)/cert.pem", "--tls-auth-clients", "no",
            ]) { try await body($0.port, port) }
        }

        private static func certificate(in folder: String, _ name: String) async throws {
            try await onThread {
                let make = Process()
                make.executableURL = URL(filePath: "/usr/bin/openssl")
                make.arguments = [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=test", "-addext", "subjectAltName=\(name)", "-keyout", "\(folder)/key.pem",
                    "-out", "\(folder)/cert.pem",
                ]
                make.standardError = FileHandle.nullDevice
                try make.run()
                make.waitUntilExit()
            }
        }
    }
}
