import RelayRTMP
import RelayTestKit
import Testing

/// What every hostile entry has to leave alone: the process, the other viewers, memory, descriptors, and the next good client.
enum HarmCheck {
    /// Memory may stay above what it was by this much, MiB: what allocators keep.
    static let keptMemory = 4
    /// How long it may take to come back.
    static let recovery = Duration.seconds(5)

    /// Runs a test's body and checks afterwards.
    ///
    /// - Parameter memory: MiB that resident memory may peak above its start.
    static func around(_ stage: Stage, memory: Int, _ body: () async throws -> Void) async throws {
        let relay = stage.relay
        let descriptors = relay.descriptors
        let resident = relay.residentBytes
        relay.resetPeak()
        let mark = stage.reference.mark()

        try await body()

        #expect(relay.exit == nil, "the process is gone:\n\(relay.logLines.suffix(40).joined(separator: "\n"))")
        try #require(relay.exit == nil)
        let peak = relay.peakResidentBytes
        #expect(peak - resident <= memory << 20, "memory went from \(resident) to \(peak)")
        try await stage.reference.settle()
        let harm = stage.reference.harm(since: mark)
        #expect(harm.lost == 0)
        #expect(harm.disordered == 0)
        #expect(harm.gone == 0)
        // A window this short says little about a percentile; what stops the loops shows here, the rest over the whole suite.
        #expect(harm.delays.percentile(0.5) < Stage.delayBound)
        try await goodClient(relay, stage.reference.name)
        try await eventually("descriptors are back at \(descriptors), are \(relay.descriptors)", within: recovery) {
            relay.descriptors <= descriptors
        }
        try await eventually("memory is back at \(resident), is \(relay.residentBytes)", within: recovery) {
            relay.residentBytes <= resident + max(keptMemory, memory / 2) << 20
        }
    }

    /// The next good client: it plays over RTMP and gets a frame.
    private static func goodClient(_ relay: RelayProcess, _ name: String) async throws {
        let port = relay.rtmpPort
        try await onThread {
            let client = try RTMPWire(port: port)
            let code = try client.play(name)
            guard code == .playStart else {
                throw HostileClient.Unexpected("a good client was answered \(code.rawValue)")
            }
            _ = try client.message("a video frame for a good client") { $0.type == RTMPMessageType.video }
        }
    }
}
