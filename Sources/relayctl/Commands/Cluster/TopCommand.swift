import ArgumentParser
import RelayAPI

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "The cluster live: nodes, busiest streams, newest events.",
        discussion: """
            q or Ctrl-C ends it; --watch sets how often it is refreshed, each second without. Where standard output is \
            no terminal, and with -o json, it is shown once.
            """)

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        let console = Console.current
        guard console.isTerminal, options.format == .table else {
            return try await options.show({ () async throws(Failure) in try await TopSnapshot.fetch(client) }) {
                snapshot, width, hasColour in
                snapshot.render(width: width, rows: nil, hasColour: hasColour)
            }
        }
        let screen = TopScreen(
            console: console, client: client, interval: .seconds(options.watch ?? 1), hasColour: options.hasColour)
        try await screen.run()
    }
}

/// The live view on a terminal of its own screen, which is left as it was found.
struct TopScreen {
    let console: Console
    let client: AdminClient
    let interval: Duration
    let hasColour: Bool

    /// Returns when `q` is pressed.
    ///
    /// - Throws: ``Failure`` when it is interrupted, when the first look fails, or when nobody reads the output.
    func run() async throws(Failure) {
        // Before the screen is taken, so that a wrong address is told where it was typed.
        let first = try await TopSnapshot.fetch(client)
        let keyboard = console.keyboard()
        // The alternate screen, without a cursor.
        _ = console.out("\u{1B}[?1049h\u{1B}[?25l")
        let outcome = await withTaskGroup(of: Result<Void, Failure>?.self) { group in
            group.addTask { await self.refresh(first) }
            if let keyboard {
                group.addTask {
                    for await key in keyboard.keys where [UInt8(ascii: "q"), UInt8(ascii: "Q")].contains(key) {
                        return .success(())
                    }
                    // No keys any more; only Ctrl-C is left.
                    return nil
                }
            }
            while let next = await group.next() {
                guard let next else { continue }
                group.cancelAll()
                return next
            }
            return .success(())
        }
        _ = console.out("\u{1B}[?25h\u{1B}[?1049l")
        keyboard?.giveBack()
        try outcome.get()
    }

    /// Shows snapshot after snapshot; ends only by a failure.
    private func refresh(_ first: TopSnapshot) async -> Result<Void, Failure> {
        var snapshot = first
        var age = ContinuousClock.now
        var trouble: Failure?
        while true {
            let note = trouble.map {
                "\($0.message) What follows is \(Units.duration(seconds: (ContinuousClock.now - age) / .seconds(1))) old."
            }
            let size = console.size()
            let rows = size?.rows ?? 24
            let text = snapshot.render(
                width: size?.columns ?? console.width, rows: rows, hasColour: hasColour, trouble: note)
            // Home, then each line cleared before it is written: behind a full line, clearing takes its last column.
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { "\u{1B}[2K" + $0 }
            let rest = lines.count < rows ? "\r\n\u{1B}[J" : ""
            guard console.out("\u{1B}[H" + lines.joined(separator: "\r\n") + rest) else {
                return .failure(.readerGone)
            }
            do { try await Task.sleep(for: interval) } catch { return .failure(.interrupted("")) }
            do throws(Failure) {
                snapshot = try await TopSnapshot.fetch(client)
                age = .now
                trouble = nil
            } catch {
                if Task.isCancelled { return .failure(.interrupted("")) }
                trouble = error
            }
        }
    }
}
