import RelayKubernetes
import Testing

@Suite("Times of the API")
struct TimeTests {
    @Test(
        "Times are read to the microsecond, whatever the offset",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1),
            ("2026-01-01T00:00:05.250000Z", 1_767_225_605_250_000),
            ("2026-01-01T01:00:05+01:00", 1_767_225_605_000_000), ("2025-12-31T19:00:05-05:00", 1_767_225_605_000_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000), ("2024-03-01T00:00:00Z", 1_709_251_200_000_000),
            ("1969-12-31T23:59:59.5Z", -500_000), ("2026-01-01T00:00:05.1234567899Z", 1_767_225_605_123_456),
        ] as [(String, Int64)])
    func read(text: String, microseconds: Int64) { #expect(KubernetesTime(text)?.microseconds == microseconds) }

    @Test(
        "What is written is read back, and has six decimals",
        arguments: [
            0, 1, -1, 951_825_600_000_000, 1_767_225_605_250_000, 253_402_300_799_999_999, -62_135_596_800_000_000,
        ] as [Int64])
    func write(microseconds: Int64) {
        let text = KubernetesTime(microseconds: microseconds).text
        #expect(KubernetesTime(text)?.microseconds == microseconds)
        #expect(text.utf8.count == 27)
    }

    @Test("Every day of four centuries is itself again")
    func days() {
        for day in Int64(-100_000)..<100_000 where day % 7 == 0 {
            let time = KubernetesTime(microseconds: day * 86_400_000_000 + 1)
            #expect(KubernetesTime(time.text) == time)
        }
    }

    @Test("Times beyond the calendar are cut, not trapped on", arguments: [Int64.min, Int64.max])
    func extremes(microseconds: Int64) { #expect(KubernetesTime(microseconds: microseconds).text.utf8.count == 27) }

    @Test(
        "Anything else is no time",
        arguments: [
            "", "2026", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+1:00", "99999-01-01T00:00:00Z",
            "now",
        ])
    func bad(text: String) { #expect(KubernetesTime(text) == nil) }
}
