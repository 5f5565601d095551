import RelayCore
import RelayRedis
import Testing

@Suite("Reconnecting") struct ReconnectBackoffTests {
    @Test(
        "Waits double up to a quarter of a second, and to half a second when Redis stays away", arguments: [0, 0.5, 1])
    func growth(random: Double) {
        var backoff = ReconnectBackoff()
        var now = MonotonicTime.zero
        var waits: [Duration] = []
        for _ in 0..<60 {
            let wait = backoff.failed(now: now, random: random)
            #expect(wait <= (now < .zero + .seconds(10) ? .milliseconds(250) : .milliseconds(500)))
            #expect(wait >= .milliseconds(25))
            waits.append(wait)
            now = now + wait
        }
        #expect(waits.first == .milliseconds(50) * (0.5 + 0.5 * random))
        #expect(waits[1] == waits[0] * 2)
        #expect(
            waits.last == (now > .zero + .seconds(10) ? .milliseconds(500) : .milliseconds(250)) * (0.5 + 0.5 * random))
    }

    @Test("A connection that held begins anew; one that ended at once does not")
    func steadiness() {
        var backoff = ReconnectBackoff()
        for _ in 0..<5 { _ = backoff.failed(now: .zero, random: 1) }
        backoff.connected(now: .zero)
        #expect(backoff.failed(now: .zero + .milliseconds(900), random: 1) == .milliseconds(250))
        backoff.connected(now: .zero + .seconds(1))
        #expect(backoff.failed(now: .zero + .seconds(2), random: 1) == .milliseconds(50))
    }

    @Test(
        "Each error reply has its remedy",
        arguments: [
            ("LOADING Redis is loading the dataset in memory", RedisRefusal.Remedy.retryLater),
            ("BUSY Redis is busy running a script.", .retryLater),
            ("OOM command not allowed when used memory > 'maxmemory'.", .retryLater),
            ("CLUSTERDOWN The cluster is down", .retryLater),
            ("MISCONF Errors writing to the AOF file", .retryLater),
            ("READONLY You can't write against a read only replica.", .resolvePrimary),
            ("MASTERDOWN Link with MASTER is down", .resolvePrimary),
            ("NOAUTH Authentication required.", .authenticate),
            ("WRONGPASS invalid username-password pair", .authenticate),
            ("NOPERM this user has no permissions", .authenticate),
            ("NOSCRIPT No matching script.", .reloadScript),
            ("MOVED 3999 127.0.0.1:6381", .reconfigure),
            ("ERR unknown command", .report), ("", .report),
        ])
    func remedies(text: String, remedy: RedisRefusal.Remedy) {
        let refusal = RedisRefusal(text)
        #expect(refusal.remedy == remedy)
        #expect(refusal.description.contains(text))
    }
}
