import Foundation
import RelayFetch
import Testing

/// A TLS server from the openssl command, with a certificate for one name.
private struct TLSServer {
    let port: String
    let certificate: String
    private let process: Process
    private let folder: URL

    static let openssl = "/usr/bin/openssl"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: openssl) }

    init(alternativeName: String) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "relay-fetch-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        certificate = folder.appending(path: "certificate.pem").path
        let key = folder.appending(path: "key.pem").path
        let make = Process()
        make.executableURL = URL(filePath: Self.openssl)
        make.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=test", "-addext", "subjectAltName=\(alternativeName)", "-keyout", key, "-out", certificate,
        ]
        make.standardError = FileHandle.nullDevice
        try make.run()
        make.waitUntilExit()
        process = Process()
        process.executableURL = URL(filePath: Self.openssl)
        process.arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // It says where it listens: "ACCEPT 127.0.0.1:40123".
        var text = ""
        while !text.contains("ACCEPT") || text.last != "\n" {
            let part = output.fileHandleForReading.availableData
            guard !part.isEmpty else { throw POSIXError(.ECHILD) }
            text += String(decoding: part, as: UTF8.self)
        }
        port = String(text.split(separator: ":").last?.prefix { $0.isNumber } ?? "")
    }

    func stop() {
        // Not SIGTERM: a child inherits the signal mask of the thread that starts it, and our pool's threads block that.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }
}

@Suite("HTTPS calls", .timeLimit(.minutes(1)), .enabled(if: TLSServer.isInstalled, "needs the openssl command"))
struct FetchTLSTests {
    @Test(
        "A certificate has to be trusted and to name the host",
        arguments: [("IP:127.0.0.1", true, true), ("IP:127.0.0.1", false, false), ("DNS:other.example", true, false)])
    func certificates(name: String, isTrusted: Bool, isAccepted: Bool) async throws {
        let server = try TLSServer(alternativeName: name)
        defer { server.stop() }
        let request = FetchRequest(
            url: "https://127.0.0.1:\(server.port)/", trustedCertificates: isTrusted ? server.certificate : nil)
        do throws(FetchError) {
            let response = try await Fetch().send(request)
            #expect(response.status == 200)
            #expect(isAccepted, "the certificate must not be accepted")
        } catch {
            #expect(error.kind == .tls)
            #expect(!isAccepted, "\(error)")
        }
    }

    @Test(
        "A file of trusted certificates that was replaced counts with the next connection, also when one is taken away")
    func replaced() async throws {
        let server = try TLSServer(alternativeName: "IP:127.0.0.1")
        let other = try TLSServer(alternativeName: "IP:127.0.0.1")
        defer {
            server.stop()
            other.stop()
        }
        let fetch = try Fetch()
        let file = FileManager.default.temporaryDirectory.appending(path: "relay-ca-\(UUID()).pem").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        for (certificate, isAccepted) in [
            (other.certificate, false), (server.certificate, true), (other.certificate, false),
            (server.certificate, true),
        ] {
            try Data(contentsOf: URL(filePath: certificate)).write(to: URL(filePath: file), options: .atomic)
            let request = FetchRequest(
                url: "https://127.0.0.1:\(server.port)/", headers: [("Connection", "close")], trustedCertificates: file)
            do throws(FetchError) {
                _ = try await fetch.send(request)
                #expect(isAccepted, "the certificate is not trusted any more")
            } catch {
                #expect(error.kind == .tls)
                #expect(!isAccepted, "\(error)")
            }
        }
    }
}
