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

    package init(
        out: @escaping @Sendable (String) -> Bool, err: @escaping @Sendable (String) -> Void, isTerminal: Bool = false,
        width: Int? = nil, hasColour: Bool = false, environment: [String: String] = [:]
    ) {
        self.out = out
        self.err = err
        self.isTerminal = isTerminal
        self.width = width
        self.hasColour = hasColour
        self.environment = environment
    }

    /// The console of the running command.
    @TaskLocal package static var current = Console(out: { _ in true }, err: { _ in })

    /// The process's own: colours only on a terminal that has them and where `NO_COLOR` is not set.
    static func standard(environment: [String: String]) -> Console {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        var size = winsize()
        let columns = isTerminal && ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 ? Int(size.ws_col) : 0
        return Console(
            out: { write($0, to: STDOUT_FILENO) }, err: { _ = write($0, to: STDERR_FILENO) }, isTerminal: isTerminal,
            width: isTerminal ? (columns > 0 ? columns : 80) : nil,
            hasColour: isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb",
            environment: environment)
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
