import Glibc

/// Where a command's output goes and what it may look like there. Tests put their own in place.
package struct Console: Sendable {
    /// Writes to standard output; false when nobody reads it any more.
    package var out: @Sendable (String) -> Bool
    /// Writes to standard error.
    package var err: @Sendable (String) -> Void
    /// Whether standard output is a terminal, so that lines may be rewritten.
    package var isTerminal: Bool
    /// Columns of the terminal; nil = tables are as wide as they are.
    package var width: Int?
    /// Whether colours may be used.
    package var hasColour: Bool
    /// The process's environment.
    package var environment: [String: String]
    /// Columns and rows of the terminal now, which change with its window; nil when there is none.
    package var size: @Sendable () -> (columns: Int, rows: Int)?
    /// Takes the keyboard out of line mode; nil when standard input is no terminal.
    package var keyboard: @Sendable () -> Keyboard?

    package init(
        out: @escaping @Sendable (String) -> Bool, err: @escaping @Sendable (String) -> Void, isTerminal: Bool = false,
        width: Int? = nil, hasColour: Bool = false, environment: [String: String] = [:],
        size: @escaping @Sendable () -> (columns: Int, rows: Int)? = { nil },
        keyboard: @escaping @Sendable () -> Keyboard? = { nil }
    ) {
        self.out = out
        self.err = err
        self.isTerminal = isTerminal
        self.width = width
        self.hasColour = hasColour
        self.environment = environment
        self.size = size
        self.keyboard = keyboard
    }

    /// The console of the running command.
    @TaskLocal package static var current = Console(out: { _ in true }, err: { _ in })

    /// The process's own: colours only on a terminal that has them and where `NO_COLOR` is not set.
    static func standard(environment: [String: String]) -> Console {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let columns = isTerminal ? terminalSize()?.columns ?? 80 : nil
        return Console(
            out: { write($0, to: STDOUT_FILENO) }, err: { _ = write($0, to: STDERR_FILENO) }, isTerminal: isTerminal,
            width: columns,
            hasColour: isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb",
            environment: environment, size: { isTerminal ? terminalSize() : nil }, keyboard: Keyboard.take)
    }

    /// nil when standard output is no terminal or one that does not know its size.
    private static func terminalSize() -> (columns: Int, rows: Int)? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Prints text that the caller already made safe to show.
    ///
    /// - Throws: ``Failure/readerGone`` when standard output is closed, as behind `| head`.
    func print(_ text: String, terminator: String = "\n") throws(Failure) {
        guard out(text + terminator) else { throw .readerGone }
    }
}
