import ArgumentParser
import RelayAPI
import RelayCore

struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Let a node finish its work and take no new.",
        discussion: """
            Publishers are asked to go to another origin at once; viewers stay until they leave, at most until the \
            deadline.
            """)

    @Argument(help: "The node, as `relayctl nodes` shows it.")
    var node: NodeID

    @Option(help: ArgumentHelp("End what is left after this time, such as 30s, 10m or 6h.", valueName: "time"))
    var deadline = Span(seconds: 6 * 3600)

    @Flag(help: "Wait until nothing is left, and show how far it is; --watch sets how often.")
    var wait = false

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        let order = try await client.drain(node, seconds: deadline.seconds)
        let hint = "relayctl nodes --watch shows what is left there; relayctl undrain \(node) takes it back."
        try options.tell(order, hint: wait ? "" : hint, isOneLine: wait)
        if wait { try await watch(client) }
    }

    /// Looks at the node until it is done.
    private func watch(_ client: AdminClient) async throws(Failure) {
        let console = Console.current
        // On a terminal one line that is written over; elsewhere a line when something changed.
        let isRewriting = console.isTerminal && options.format == .table
        let start = ContinuousClock.now
        var answered = start
        var progress = DrainProgress(node: node.text, deadline: .seconds(deadline.seconds))
        var shown = ""
        while true {
            var list: ClusterNodeList?
            var trouble: Failure?
            do throws(Failure) {
                list = try await client.clusterNodes()
                answered = .now
            } catch {
                trouble = error
            }
            let step = progress.look(at: list, after: ContinuousClock.now - start)
            let text = step.line.map(Escape.forTerminal) ?? trouble?.message ?? ""
            if options.format == .json {
                if let entry = list?.nodes.first(where: { $0.node == node.text }) {
                    try console.print(AdminOptions.json(entry, isOneLine: true))
                }
            } else if isRewriting, step.end == nil {
                let line = console.width.map { String(text.prefix($0)) } ?? text
                try console.print("\r\u{1B}[2K\(line)", terminator: "")
            } else if isRewriting || (text != shown && !text.isEmpty) {
                try console.print(isRewriting ? "\r\u{1B}[2K\(text)" : text)
            }
            shown = text
            switch step.end {
            case .done: return
            case .failed(let failure): throw failure
            case nil: break
            }
            // The node that answers may be the one that goes.
            if let trouble, ContinuousClock.now - answered > DrainProgress.patience { throw trouble }
            do { try await Task.sleep(for: .seconds(options.watch ?? 1)) } catch {
                if isRewriting { try console.print("") }
                throw .interrupted("Interrupted; the node goes on draining.")
            }
        }
    }
}

struct UndrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Let a draining node take new work again.")

    @Argument(help: "The node, as `relayctl nodes` shows it.")
    var node: NodeID

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let order = try await options.client().undrain(node)
        try options.tell(order, hint: "relayctl nodes shows when it serves again.")
    }
}
