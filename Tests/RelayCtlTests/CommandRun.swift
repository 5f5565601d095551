import Foundation
import Synchronization
import Testing
import relayctl

/// One command line run in this process, with what it printed.
struct CommandRun {
    let code: Int32
    let out: String
    let err: String

    /// - Parameters:
    ///   - line: the command line, split at blanks.
    ///   - admin: port of a server that `RELAYCTL_ADMIN` names.
    static func run(
        _ line: String, admin: UInt16? = nil, width: Int? = nil, hasColour: Bool = false,
        isReaderGone: Bool = false, whenPrinted: (@Sendable (Int) -> Void)? = nil
    ) async -> CommandRun {
        let printed = Mutex<(out: String, err: String, count: Int)>(("", "", 0))
        let console = Console(
            out: { text in
                let count = printed.withLock { state in
                    state.out += text
                    state.count += 1
                    return state.count
                }
                whenPrinted?(count)
                return !isReaderGone
            }, err: { text in printed.withLock { $0.err += text } }, isTerminal: width != nil, width: width,
            hasColour: hasColour, environment: admin.map { ["RELAYCTL_ADMIN": "http://127.0.0.1:\($0)"] } ?? [:])
        let code = await RelayCtl.run(line.split(separator: " ").map(String.init), console: console)
        return printed.withLock { CommandRun(code: code, out: $0.out, err: $0.err) }
    }

    /// The example of an admin answer that the contract fixes.
    static func example(_ name: String) throws -> String {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: tests.appending(path: "ContractTests/Golden/admin-\(name).json"), encoding: .utf8)
    }
}

/// An HTTP answer with a body.
func answer(_ status: String = "200 OK", _ body: String) -> String {
    "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
}
