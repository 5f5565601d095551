import RelayTestKit
import Testing

/// Everything that runs a live server. One after the other: two servers under attack at once would tell each other's noise.
@Suite(.serialized) enum Integration {}

/// What the tests of a suite share: one server, and a healthy stream on it.
final class Stage: Sendable {
    let relay: RelayProcess
    let reference: ReferenceStream

    init(relay: RelayProcess, reference: ReferenceStream) {
        self.relay = relay
        self.reference = reference
    }

    @TaskLocal private static var current: Stage?

    /// The suite's stage.
    static func shared() throws -> Stage { try #require(current, "the suite has no .stage trait") }

    /// How late a frame may be at a healthy viewer while the server is attacked; for all frames of a suite, p99. Generous, since
    /// tests share their machine: the strict figure is the benchmark's.
    static let delayBound = Duration.milliseconds(250)

    static func run(_ flags: [String], _ body: @Sendable () async throws -> Void) async throws {
        try await withRelay(flags) { relay in
            let reference = try await ReferenceStream.start(on: relay)
            let mark = reference.mark()
            try await Stage.$current.withValue(Stage(relay: relay, reference: reference)) { try await body() }
            let harm = reference.harm(since: mark)
            let delay = harm.delays.percentile(0.99)
            #expect(
                delay < delayBound, "p99 of the reference viewers over the whole suite, \(harm.delays.count) frames")
            await reference.stop()
        }
    }
}

/// Gives a suite a server of its own with these flags, for as long as its tests run.
struct StageTrait: SuiteTrait, TestScoping {
    let flags: [String]

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await Stage.run(flags, function)
    }
}

extension Trait where Self == StageTrait {
    static func stage(_ flags: String...) -> StageTrait { StageTrait(flags: flags) }
}
