import Testing
import relayctl

@Suite("relayctl: how things are shown")
struct TerminalTests {
    @Test(
        "Quantities are short and never a surprise",
        arguments: [
            (Units.bitrate(0), "0 b/s"), (Units.bitrate(999.4), "999 b/s"), (Units.bitrate(999.6), "1.00 kb/s"),
            (Units.bitrate(1_250_000), "1.25 Mb/s"), (Units.bitrate(12_540_000), "12.5 Mb/s"),
            (Units.bitrate(125_400_000), "125 Mb/s"), (Units.bitrate(.nan), "-"), (Units.bitrate(.infinity), "-"),
            (Units.bitrate(1e300), "-"), (Units.bytes(UInt64.max), "18447 PB"), (Units.bytes(-5), "-5 B"),
            (Units.duration(seconds: 7.06), "7.1s"), (Units.duration(seconds: 302), "5m02s"),
            (Units.duration(seconds: 11_220), "3h07m"), (Units.duration(seconds: 1e6), "11d13h"),
            (Units.duration(seconds: -1), "-"), (Units.duration(seconds: .nan), "-"),
            (Units.duration(seconds: 1e300), "-"),
            (Units.milliseconds(0), "0.0 ms"), (Units.milliseconds(12.6), "13 ms"),
            (Units.milliseconds(12_345), "12.3 s"),
            (Units.percent(0.915), "92 %"), (Units.fixed(-0.05, 1), "-0.1"), (Units.fixed(1.005, 0), "1"),
        ])
    func units(shown: String, expected: String) { #expect(shown == expected) }

    @Test(
        "Text of others has only printable ASCII left",
        arguments: [
            ("plain ~", "plain ~"), ("\u{1B}[31m", "\\u{1b}[31m"), ("\u{9B}", "\\u{9b}"),
            ("\u{7F}\n\t", "\\u{7f}\\u{a}\\u{9}"),
            ("ü\u{202E}", "\\u{fc}\\u{202e}"), ("👍", "\\u{1f44d}"),
        ])
    func escape(text: String, shown: String) { #expect(Escape.forTerminal(text) == shown) }

    @Test("JSON stays the same value when it is made safe")
    func json() {
        #expect(Escape.json("{\"a\":\"\u{9B}\u{7F}ü👍\"}") == "{\"a\":\"\\u009b\\u007f\\u00fc\\ud83d\\udc4d\"}")
    }

    @Test("The widest column that may shrink is cut first, and cells are marked where they are cut")
    func table() {
        var table = Table([.init("A", shrinks: true), .init("N", alignsRight: true), .init("B", shrinks: true)])
        table.add(["a-very-long-name", "7", "b-long-name"])
        #expect(
            table.render(width: nil, hasColour: false) == "A                 N  B\na-very-long-name  7  b-long-name")
        #expect(table.render(width: 25, hasColour: false) == "A          N  B\na-very-l…  7  b-long-name")
        #expect(table.render(width: 10, hasColour: false).split(separator: "\n").allSatisfy { $0.count <= 10 })
    }
}
