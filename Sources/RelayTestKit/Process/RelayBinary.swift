import Foundation

/// Where the server under test is: a child process of its own, so that a trap in it fails one test and ends no others.
enum RelayBinary {
    /// Overrides the search; for testing a binary built elsewhere. (`RELAY_…` would be a key of the configuration.)
    static let environmentKey = "TEST_RELAY_BINARY"

    /// The `relay` executable that was built together with the running tests.
    ///
    /// - Throws: ``NotBuilt``, which says where it was looked for.
    static func path() throws -> String {
        if let given = ProcessInfo.processInfo.environment[environmentKey] { return given }
        let candidates = folders().map { $0 + "/relay" }
        guard let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw NotBuilt(candidates: candidates)
        }
        return found
    }

    private static func folders() -> [String] {
        var folders: [String] = []
        // The test runner is next to the products, or is told where they are.
        let arguments = CommandLine.arguments.filter { $0.contains(".xctest") || $0.contains("/.build/") }
        for path in [try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")] + arguments {
            guard let path else { continue }
            folders.append(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
        #if DEBUG
            let kinds = ["debug", "release"]
        #else
            let kinds = ["release", "debug"]
        #endif
        folders += kinds.map { "\(root)/.build/\($0)" }
        return folders
    }

    struct NotBuilt: Error, CustomStringConvertible {
        let candidates: [String]
        var description: String {
            "the relay executable is not built; looked at \(candidates.joined(separator: ", "))"
        }
    }
}
