import RelayTestKit
import Synchronization
import Testing
import relayctl

@Suite("relayctl top", .timeLimit(.minutes(1)))
struct TopTests {
    /// A terminal that keeps what was written to it.
    private final class Terminal: Sendable {
        private let state = Mutex<(frames: [String], isGivenBack: Bool, watchers: [(Int, @Sendable () -> Void)])>(
            ([], false, []))
        private let keys = AsyncStream.makeStream(of: UInt8.self)
        let size: (columns: Int, rows: Int)

        init(columns: Int, rows: Int) { size = (columns, rows) }

        var written: [String] { state.withLock { $0.frames } }
        var isGivenBack: Bool { state.withLock { $0.isGivenBack } }

        func press(_ key: Character) { keys.continuation.yield(key.asciiValue ?? 0) }
        func endKeys() { keys.continuation.finish() }
        /// - Parameter count: writes, of which the first takes the screen.
        func when(_ count: Int, _ action: @escaping @Sendable () -> Void) {
            state.withLock { $0.watchers.append((count, action)) }
        }

        func console(hasKeyboard: Bool = true) -> Console {
            Console(
                out: { text in
                    let actions = self.state.withLock { state in
                        state.frames.append(text)
                        return state.watchers.filter { $0.0 == state.frames.count }.map(\.1)
                    }
                    for action in actions { action() }
                    return true
                }, err: { _ in }, isTerminal: true, width: size.columns, hasColour: true, size: { self.size },
                keyboard: {
                    hasKeyboard
                        ? Keyboard(keys: self.keys.stream) { self.state.withLock { $0.isGivenBack = true } } : nil
                })
        }
    }

    private func top(_ terminal: Terminal, port: UInt16, hasKeyboard: Bool = true) async -> Int32 {
        await RelayCtl.run(
            ["top", "--watch=0.1", "--admin", "127.0.0.1:\(port)"], console: terminal.console(hasKeyboard: hasKeyboard))
    }

    /// What a frame shows, without what paints it.
    private func plain(_ frame: String) -> [String] {
        frame.replacing(#/\u{1B}\[[0-9]*[A-Zm]/#, with: "").split(separator: "\r\n", omittingEmptySubsequences: false)
            .flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) }.map(String.init)
    }

    @Test("It is refreshed until q is pressed, and leaves the terminal as it was")
    func quit() async throws {
        let server = try ClusterExamples.cluster()
        let terminal = Terminal(columns: 100, rows: 30)
        terminal.press("x")
        terminal.when(4) { terminal.press("q") }
        #expect(await top(terminal, port: server.port) == 0)
        let written = terminal.written
        #expect(written.first == "\u{1B}[?1049h\u{1B}[?25l")
        #expect(written.last == "\u{1B}[?25h\u{1B}[?1049l")
        #expect(terminal.isGivenBack)
        #expect(written.count >= 5, "screen, three frames, and back")
    }

    @Test("Ctrl-C ends it too, with and without a keyboard", arguments: [true, false])
    func interrupt(hasKeyboard: Bool) async throws {
        let server = try ClusterExamples.cluster()
        let terminal = Terminal(columns: 100, rows: 30)
        // Keys that end do not end it.
        terminal.endKeys()
        let task = Mutex<Task<Int32, Never>?>(nil)
        terminal.when(3) { task.withLock { $0?.cancel() } }
        let run = Task { await top(terminal, port: server.port, hasKeyboard: hasKeyboard) }
        task.withLock { $0 = run }
        #expect(await run.value == 5)
        #expect(terminal.written.last == "\u{1B}[?25h\u{1B}[?1049l")
        #expect(terminal.isGivenBack == hasKeyboard)
    }

    @Test("It shows nodes, the streams with the most viewers first, and the newest events")
    func content() async throws {
        let server = try ClusterExamples.cluster()
        let run = await CommandRun.run("top", admin: server.port)
        #expect(run.code == 0)
        #expect(
            run.out == """
                2 nodes, 503 viewers, 2.50 Gb/s out, 2 streams

                NODE  ROLE    STATE    REGION     VIEWERS  PUBS  PULLS        OUT   CPU  LOOP  LEASE
                e1    edge    serving  eu-west/a      503     0      2  1.25 Gb/s  41 %  92 %   8.0s
                o1    origin  serving  eu-west/a        0     2      2  1.25 Gb/s  41 %  92 %   8.0s

                STREAM         STATE    OWNER  EPOCH  VIDEO  AUDIO  VIEWERS HERE    BITRATE
                live/room/one  live     ! o1       7  avc    aac             503  3.25 Mb/s
                live/radio     waiting  -          -  -      opus              0      0 b/s
                live/quiet     live     o1         7  avc    aac               -          -

                TIME (UTC)           NODE  KIND     STREAM  TEXT
                2026-03-01 09:05:59  o1    claimed  live/a  o1 owns live/a with epoch 7.
                2026-03-01 09:05:59  o1    claimed  live/a  o1 owns live/a with epoch 7.

                """)
        let json = await CommandRun.run("top -o json", admin: server.port, width: 80).out
        #expect(json.hasPrefix("{") && json.contains("\"nodes\"") && !json.contains("\u{1B}"))
    }

    @Test(
        "A frame never has more lines or columns than the terminal, nor fewer streams than it has room for",
        arguments: [(80, 24), (200, 50), (80, 6), (30, 3), (1, 1)])
    func size(columns: Int, rows: Int) async throws {
        let nodes = (0..<60).map { ClusterExamples.node("edge-with-a-long-name-\($0)", viewers: $0) }
        let streams = (0..<60).map { ClusterExamples.stream("live/stream-with-a-long-name-\($0)") }
        let events = (0..<60).map { ClusterExamples.event("\($0)-0", text: String(repeating: "word ", count: 60)) }
        let server = try CannedServer(
            .reply { request in
                request.contains("/nodes")
                    ? answer("200 OK", ClusterExamples.nodes(nodes, registry: ClusterExamples.away))
                    : request.contains("/cluster/streams")
                        ? answer("200 OK", ClusterExamples.streams(streams))
                        : request.contains("/events")
                            ? answer("200 OK", ClusterExamples.events(events)) : answer("200 OK", #"{"streams":[]}"#)
            })
        let terminal = Terminal(columns: columns, rows: rows)
        terminal.when(2) { terminal.press("q") }
        #expect(await top(terminal, port: server.port) == 0)
        let frame = plain(terminal.written[1])
        #expect(frame.count <= rows)
        if terminal.written[1].hasSuffix("\u{1B}[J") {
            #expect(frame.last == "", "nothing is cleared behind a full line")
        }
        for line in frame { #expect(line.count <= columns, "\(line)") }
        if rows >= 24 {
            #expect(frame.count == rows, "the room is used")
            #expect(frame.contains { $0.contains("edge-with") } && frame.contains { $0.contains("live/stream") })
            #expect(frame.contains { $0.contains("2026-03-01") })
        }
    }

    @Test("A node that goes away leaves its last answer on the screen, with a word about it")
    func trouble() async throws {
        let asked = Mutex(0)
        let server = try CannedServer(
            .reply { request in
                let count = asked.withLock { count in
                    count += 1
                    return count
                }
                guard count <= 4 else { return answer("503 x", #"{"code":"RLY-7\u001b","message":"M.","hint":"H."}"#) }
                if request.contains("/nodes") {
                    return answer("200 OK", ClusterExamples.nodes([ClusterExamples.node("e1")]))
                }
                if request.contains("/events") { return answer("200 OK", ClusterExamples.events([])) }
                return request.contains("/cluster/streams")
                    ? answer("200 OK", ClusterExamples.streams([])) : answer("200 OK", #"{"streams":[]}"#)
            })
        let terminal = Terminal(columns: 100, rows: 30)
        terminal.when(3) { terminal.press("q") }
        #expect(await top(terminal, port: server.port) == 0)
        let frame = plain(terminal.written[2])
        #expect(frame[1].hasPrefix("RLY-7\\u{1b}: M. H. What follows is "), "\(frame)")
        #expect(frame.contains { $0.hasPrefix("e1 ") })
    }

    @Test("A wrong address is told before the screen is taken")
    func unreachable() async throws {
        let terminal = Terminal(columns: 80, rows: 24)
        #expect(await top(terminal, port: 1) == 3)
        #expect(terminal.written.isEmpty)
        #expect(!terminal.isGivenBack)
    }

    @Test(
        "Instants are those of the calendar",
        arguments: [
            (0, "1970-01-01 00:00:00"), (951_782_399_999, "2000-02-28 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (951_868_800_000, "2000-03-01 00:00:00"), (1_735_689_599_000, "2024-12-31 23:59:59"),
            (4_107_542_400_000, "2100-03-01 00:00:00"), (253_402_300_799_999, "9999-12-31 23:59:59"),
            (253_402_300_800_000, "-"), (-1, "-"), (.min, "-"), (.max, "-"),
        ] as [(Int64, String)])
    func instants(milliseconds: Int64, text: String) {
        #expect(Units.instant(millisecondsSince1970: milliseconds) == text)
    }

    @Test("A sum stops at the ends of the numbers")
    func totals() {
        #expect(Units.total([1, 2, 3]) == 6)
        #expect(Units.total([.max, 1]) == .max)
        #expect(Units.total([.min, -1]) == .min)
    }
}
