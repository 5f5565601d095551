import RelayCore
import RelayKubernetes
import Testing

@Suite("Leaving the server alone")
struct BackoffTests {
    /// The wait after each of some failures in a row.
    private func waits(_ problems: [KubernetesProblem], seed: UInt64 = 1) -> [Duration] {
        var backoff = CallBackoff(seed: seed)
        var now = MonotonicTime.zero
        return problems.map { problem in
            backoff.failed(problem, now: now)
            let until = backoff.waitsUntil(now: now) ?? now
            defer { now = until }
            return until - now
        }
    }

    @Test("Waits double from one second to thirty, with a random half", arguments: [1, 2, 3] as [UInt64])
    func doubling(seed: UInt64) {
        let waits = waits(Array(repeating: .unreachable(""), count: 70), seed: seed)
        let caps = [1, 2, 4, 8, 16, 30, 30, 30].map { Duration.seconds($0) }
        for (wait, cap) in zip(waits, caps) { #expect(wait >= cap / 2 && wait <= cap) }
        #expect(waits.allSatisfy { $0 <= .seconds(30) })
        #expect(Set(waits.suffix(60)).count > 50)
    }

    @Test("The server's own wish is kept when it is longer")
    func asked() {
        let waits = waits([.busy(status: 429, retryAfter: .seconds(60)), .busy(status: 503, retryAfter: .zero)])
        #expect(waits[0] == .seconds(60))
        #expect(waits[1] >= .seconds(1) && waits[1] <= .seconds(2))
    }

    @Test("A success ends it")
    func success() {
        var backoff = CallBackoff(seed: 1)
        for _ in 0..<10 { backoff.failed(.unreachable(""), now: .zero) }
        backoff.succeeded()
        #expect(backoff.waitsUntil(now: .zero) == nil)
        backoff.failed(.unreachable(""), now: .zero)
        #expect((backoff.waitsUntil(now: .zero) ?? .zero) <= .zero + .seconds(1))
    }

    @Test("A later failure never shortens a wait that the server asked for")
    func keeps() {
        var backoff = CallBackoff(seed: 1)
        backoff.failed(.busy(status: 429, retryAfter: .seconds(100)), now: .zero)
        backoff.failed(.unreachable(""), now: .zero)
        #expect(backoff.waitsUntil(now: .zero) == .zero + .seconds(100))
    }
}
