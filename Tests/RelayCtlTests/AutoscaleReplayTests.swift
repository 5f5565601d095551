import Foundation
import Testing
import relayctl

// One after the other: each keeps a thread busy that tests of timing need, too.
@Suite("relayctl autoscale replay", .serialized)
struct AutoscaleReplayTests {
    /// Four hours of a wave with a minute's jitter, in a folder of its own.
    private func withTrace(_ body: (_ trace: String, _ folder: URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "relayctl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var text = "t_s,demand\n"
        for minute in 0..<240 {
            text += "\(minute * 60),\(10_000 + 6_000 * sin(Double(minute) / 40) + Double(minute % 7) * 20)\n"
        }
        let trace = folder.appending(path: "wave.csv")
        try text.write(to: trace, atomically: true, encoding: .utf8)
        try await body(trace.path(), folder)
    }

    @Test("It prints each policy's figures and the differences, the autoscaler first, and draws them")
    func table() async throws {
        try await withTrace { trace, folder in
            let plot = folder.appending(path: "plot.svg").path()
            let run = await CommandRun.run(
                "autoscale replay --trace \(trace) --plot \(plot) --start 2018-01-07T22:00:00Z")
            #expect(run.code == 0, "\(run.err)")
            #expect(
                run.out.hasPrefix(
                    "wave: 233 minutes (0.2 days), lead 120 s + hold 300 s, 75 % utilisation, 100 nodes at the peak\n\nPOLICY"
                ))
            for policy in ["last value", "last +5 %", "HPA default", "HPA tuned", "KPA"] {
                #expect(run.out.contains("\n\(policy) "), "\(policy) in:\n\(run.out)")
                #expect(run.out.contains(" against \(policy)"))
            }
            #expect(run.out.hasSuffix("Plot: \(plot)\n"))
            let svg = try String(contentsOfFile: plot, encoding: .utf8)
            #expect(svg.hasPrefix("<svg xmlns=") && svg.hasSuffix("</svg>\n"))
            #expect(svg.contains(">Mon 8 Jan<"))
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.path()).count == 2, "nothing is left behind")
            let narrow = await CommandRun.run("autoscale replay --trace \(trace)", width: 50).out
            for row in narrow.split(separator: "\n") { #expect(row.count <= 50, "\(row)") }
            #expect(narrow.contains("SDA-1") && narrow.contains("OVERLOAD"))
        }
    }

    @Test("A byte order mark before the first line is no part of the trace")
    func byteOrderMark() async throws {
        try await withTrace { trace, folder in
            let marked = folder.appending(path: "marked.csv")
            try ("\u{FEFF}" + String(contentsOfFile: trace, encoding: .utf8).dropFirst("t_s,demand\n".count))
                .write(to: marked, atomically: true, encoding: .utf8)
            let run = await CommandRun.run("autoscale replay --trace \(marked.path())")
            #expect(run.code == 0, "\(run.err)")
            #expect(run.out.hasPrefix("marked: 233 minutes"))
        }
    }

    @Test("In JSON the figures alone, and the series when asked for")
    func json() async throws {
        try await withTrace { trace, _ in
            let run = await CommandRun.run(
                "autoscale replay --trace \(trace) -o json --lead 60 --hold 120 --peak 20 --utilisation 0.8")
            let figures = try #require(
                try JSONSerialization.jsonObject(with: Data(run.out.utf8)) as? [String: Any])
            #expect(Set(figures.keys) == ["trace", "epochs", "settings", "rows"])
            let settings = try #require(figures["settings"] as? [String: Double])
            #expect(settings["lead"] == 60 && settings["hold"] == 120 && settings["utilisation"] == 0.8)
            #expect(settings["replicasAtPeak"] == 20)
            let full = await CommandRun.run("autoscale replay --trace \(trace) -o json --series")
            #expect(full.out.contains("\"oracle\""))
        }
    }

    @Test("The same trace gives the same figures and the same picture")
    func repeats() async throws {
        try await withTrace { trace, folder in
            var pictures: Set<String> = []
            var tables: Set<String> = []
            for index in 0..<2 {
                let plot = folder.appending(path: "\(index).svg").path()
                tables.insert(await CommandRun.run("autoscale replay --trace \(trace) --plot \(plot) -o json").out)
                pictures.insert(try String(contentsOfFile: plot, encoding: .utf8))
            }
            #expect(tables.count == 1)
            #expect(pictures.count == 1)
        }
    }

    @Test(
        "A file that is no trace ends with 2 and says where",
        arguments: [
            ("t_s,demand\n0,1\n60,x\n", "line 3: expected `seconds,demand`"), ("", "fewer than two"),
            ("0,1\n60,2\n", "shorter than lead and hold"), ("0,1\n0,2\n", "line 2"), ("0,-1\n60,1\n", "line 1"),
            ("\u{1B}[2J", "line 1"), ("0,1\n60,1e999\n", "line 2"),
        ])
    func wrong(text: String, message: String) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "relayctl-\(UUID().uuidString).csv")
        try text.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let run = await CommandRun.run("autoscale replay --trace \(file.path())")
        #expect(run.code == 2)
        #expect(run.err.contains(message), "\(run.err)")
        #expect(run.out == "")
    }

    @Test("A plot that cannot be written ends with 2 and prints no table")
    func unwritable() async throws {
        try await withTrace { trace, folder in
            let run = await CommandRun.run("autoscale replay --trace \(trace) --plot \(folder.path())/none/x.svg")
            #expect(run.code == 2)
            #expect(run.err.contains("No such file or directory"), "\(run.err)")
            #expect(run.out == "")
        }
    }
}
