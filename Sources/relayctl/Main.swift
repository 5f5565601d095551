import Dispatch
import FoundationEssentials
import Glibc

/// The process: signals in, exit code out.
@main
struct Main {
    static func main() async {
        // A closed pipe is told by write, and ends the command quietly.
        signal(SIGPIPE, SIG_IGN)
        let console = Console.standard(environment: ProcessInfo.processInfo.environment)
        let command = Task { await RelayCtl.run(Array(CommandLine.arguments.dropFirst()), console: console) }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { @Sendable in
                // The first asks the command to end, so that `play` can tell what it saw; the second does not ask.
                if command.isCancelled { _exit(Failure.interrupted("").exitCode) }
                command.cancel()
            }
            source.activate()
            return source
        }
        let code = await command.value
        for source in sources { source.cancel() }
        exit(code)
    }
}
