import ArgumentParser
import RelayAPI
import RelayCore

struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Let a node finish its work and take no new.",
        discussion: """
            Publishers are asked to go to another origin at once; viewers stay until they leave, at most until the \
            deadline. With --self it is the node that answers, and waiting needs no registry: made for a pod's preStop.
            """)

    @Argument(help: "The node, as `relayctl nodes` shows it.")
    var node: NodeID?

    @Flag(name: .customLong("self"), help: "The node that answers, instead of one by name.")
    var isSelf = false

    @Option(help: ArgumentHelp("End what is left after this time, such as 30s, 10m or 6h.", valueName: "time"))
    var deadline = Span(seconds: 6 * 3600)

    @Flag(help: "Wait until nothing is left, and show how far it is; --watch sets how often.")
    var wait = false

    @OptionGroup var options: AdminOptions

    func validate() throws {
        guard (node == nil) == isSelf else { throw ValidationError("Name one node, or --self.") }
    }

    func run() async throws {
        let client = try options.client()
        let node: NodeID
        if let named = self.node {
            node = named
        } else {
            // On a node alone, too, this says which one it is; the order below is what it refuses.
            guard let name = NodeID(try await client.status().node) else {
                throw Failure.badAnswer("The node at \(client.shownBase) has a name that no node may have.")
            }
            node = name
        }
        let order = try await client.drain(node, seconds: deadline.seconds)
        let hint = "relayctl nodes --watch shows what is left there; relayctl undrain \(node) takes it back."
        try options.tell(order, hint: wait ? "" : hint, isOneLine: wait)
        guard wait else { return }
        if isSelf {
            var progress = OwnDrainProgress(node: node.text, deadline: .seconds(deadline.seconds))
            try await watch(node, client.drainStatus, judge: { progress.look(at: $0, failing: $1, after: $2) }) { $0 }
        } else {
            var progress = DrainProgress(node: node.text, deadline: .seconds(deadline.seconds))
            try await watch(node, client.clusterNodes, judge: { list, _, time in progress.look(at: list, after: time) })
            {
                list in list.nodes.first { $0.node == node.text }
            }
        }
    }

    /// Looks at the node until it is done.
    ///
    /// - Parameters:
    ///   - ask: what is looked at.
    ///   - judge: told the answer or why there is none, and the time since the order; as ``DrainProgress/look(at:after:)``.
    ///   - shown: what of an answer is shown in JSON.
    private func watch<Answer>(
        _ node: NodeID, _ ask: () async throws(Failure) -> Answer,
        judge: (Answer?, Failure?, Duration) -> (line: String?, end: DrainProgress.End?),
        shown part: (Answer) -> (some Encodable)?
    ) async throws(Failure) {
        let console = Console.current
        // On a terminal one line that is written over; elsewhere a line when something changed.
        let isRewriting = console.isTerminal && options.format == .table
        let start = ContinuousClock.now
        var answered = start
        var shown = ""
        while true {
            var answer: Answer?
            var trouble: Failure?
            do throws(Failure) {
                answer = try await ask()
                answered = .now
            } catch {
                trouble = error
            }
            let step = judge(answer, trouble, ContinuousClock.now - start)
            let text = step.line.map(Escape.forTerminal) ?? trouble?.message ?? ""
            if options.format == .json {
                if let entry = answer.flatMap({ part($0) }) {
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
