import RelayCluster
import RelayCore
import RelayNode
import RelayTestKit
import Synchronization
import Testing

@Suite("The registry in memory, by the contract of all registries")
struct MemoryRegistryContractTests {
    /// A clock that only the test moves.
    private final class TestClock: Sendable {
        private let time = Mutex(MonotonicTime.zero)
        var now: MonotonicTime { time.withLock { $0 } }
        func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
    }

    @Test("keeps every promise")
    func contract() async {
        let clock = TestClock()
        let registry = MemoryRegistry(
            clock: { clock.now },
            wallMilliseconds: { 1_700_000_000_000 + (clock.now - .zero).wholeMilliseconds },
            sleep: { try? await Task.sleep(for: $0) })
        let failures = await RegistryContract(
            registry: registry, advance: { clock.advance($0) }, empty: { registry.empty() }
        ).run()
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }
}
