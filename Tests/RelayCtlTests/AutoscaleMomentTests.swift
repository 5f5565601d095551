import Testing
import relayctl

@Suite("relayctl autoscale: times as they are typed")
struct AutoscaleMomentTests {
    /// 2026-03-01 19:58:05.250 UTC.
    private let now: Int64 = 1_772_395_085_250

    @Test(
        "RFC 3339, with what people leave out",
        arguments: [
            ("2026-03-01T19:58:05Z", 1_772_395_085_000), ("2026-03-01t19:58:05z", 1_772_395_085_000),
            ("2026-03-01 19:58:05", 1_772_395_085_000), ("2026-03-01T19:58", 1_772_395_080_000),
            ("2026-03-01T19:58Z", 1_772_395_080_000), ("2026-03-01T19:58:05.25Z", 1_772_395_085_250),
            ("2026-03-01T19:58:05.123456789Z", 1_772_395_085_123), ("2026-03-01T21:28:05+01:30", 1_772_395_085_000),
            ("2026-03-01T11:58:05-08:00", 1_772_395_085_000), ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("2400-03-01T00:00:00Z", 13_574_649_600_000),
        ] as [(String, Int64)])
    func instants(text: String, milliseconds: Int64) throws {
        let moment = try #require(Moment(argument: text))
        #expect(moment.milliseconds(now: now, .past) == milliseconds)
        #expect(moment.milliseconds(now: now, .future) == milliseconds)
    }

    @Test(
        "A time of day is the last one when looking back and the next one when looking ahead",
        arguments: [
            ("19:58:05", 1_772_395_085_000, 1_772_481_485_000), ("19:58", 1_772_395_080_000, 1_772_481_480_000),
            ("20:00", 1_772_308_800_000, 1_772_395_200_000), ("00:00", 1_772_323_200_000, 1_772_409_600_000),
            ("23:59:59", 1_772_323_199_000, 1_772_409_599_000),
        ] as [(String, Int64, Int64)])
    func timesOfDay(text: String, past: Int64, future: Int64) throws {
        let moment = try #require(Moment(argument: text))
        #expect(moment.milliseconds(now: now, .past) == past)
        #expect(moment.milliseconds(now: now, .future) == future)
    }

    @Test("A time from now, and one from another start")
    func offsets() throws {
        #expect(try #require(Moment(argument: "now")).milliseconds(now: now, .past) == now)
        #expect(try #require(Moment(argument: "-15m")).milliseconds(now: now, .past) == now - 900_000)
        #expect(try #require(Moment(argument: "+1h30m")).milliseconds(now: now, .future) == now + 5_400_000)
        #expect(try #require(Moment(argument: "+2h")).milliseconds(now: now, origin: 1000, .future) == 7_201_000)
        #expect(try #require(Moment(argument: "-7d")).milliseconds(now: 1000, .past) == 0, "not before 1970")
        let end = try #require(Moment(argument: "01:00"))
        #expect(
            end.milliseconds(now: now, origin: 1_772_409_000_000, .future) == 1_772_413_200_000,
            "the first after the start")
    }

    @Test(
        "Anything else is no time",
        arguments: [
            "", "-", "+", "15m", "-15", "24:00", "19:60", "19:58:60", "9:58", "19:58:5", "19.58", "2026-03-01",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z", "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01", "2026-03-01T19:58:05.Z", "2026-03-01T19:58.5Z", "2026-03-01T19:58:05+1:00",
            "2026-03-01X19:58:05Z", "2026-03-01T19:58:05ZZ", "-2026-03-01T19:58:05", "2026-03-01T19:58:05.1234567890Z",
            "2026-3-01T19:58:055", "20260301T195805Z", "\u{662}026-03-01T19:58:05Z", "yesterday",
            "2026-03-01T19:58:05+99:00", "99999-03-01T19:58:05Z",
        ])
    func wrong(text: String) { #expect(Moment(argument: text) == nil) }

    @Test("Amounts are typed with k and M, and are never wild")
    func amounts() {
        #expect(Amount(argument: "25000")?.value == 25_000)
        #expect(Amount(argument: "2.5k")?.value == 2_500)
        #expect(Amount(argument: "1.2M")?.value == 1_200_000)
        for text in ["", "k", "0", "-1", "+1", "nan", "inf", "1e9", "0x10", "1G", "1 k", "99999999999", "1.2.3", "."] {
            #expect(Amount(argument: text) == nil, "\(text)")
        }
    }
}
