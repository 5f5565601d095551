import Foundation
import Synchronization
import Testing
import relayctl

/// Collects what a command prints.
final class Printed: Sendable {
    private let parts = Mutex<(out: String, err: String)>(("", ""))
    var out: String { parts.withLock { $0.out } }
    var err: String { parts.withLock { $0.err } }

    func console(width: Int? = nil, hasColour: Bool = false) -> Console {
        Console(
            out: { text in
                self.parts.withLock { $0.out += text }
                return true
            }, err: { text in self.parts.withLock { $0.err += text } }, isTerminal: width != nil, width: width,
            hasColour: hasColour)
    }
}

@Suite("Contract: relayctl's command line")
struct CommandLineContractTests {
    /// The argument parser takes the width of the terminal, whatever the output is; this is its override.
    init() { setenv("COLUMNS", "80", 1) }

    @Test(
        "Help of every command stays as it is",
        arguments: [
            "", "status", "streams", "stream", "viewers", "kick", "kick publisher", "kick viewer", "play", "publish",
            "explain", "verify", "nodes", "locate", "why", "top", "drain", "undrain", "move", "events", "autoscale",
            "autoscale status", "autoscale explain", "autoscale history", "autoscale event", "autoscale event add",
            "autoscale event list", "autoscale event remove", "autoscale pause", "autoscale resume",
            "autoscale forecast",
            "autoscale replay",
        ])
    func help(command: String) async throws {
        let printed = Printed()
        let code = await RelayCtl.run(
            command.split(separator: " ").map(String.init) + ["--help"], console: printed.console())
        #expect(code == 0)
        #expect(printed.err == "")
        let name = command.isEmpty ? "relayctl" : "relayctl-" + command.replacing(" ", with: "-")
        try Golden.expect(printed.out, matches: "help-\(name).txt")
    }
}
