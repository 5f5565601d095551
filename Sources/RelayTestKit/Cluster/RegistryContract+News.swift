package import RelayCluster
import RelayCore

extension RegistryContract {
    func locating(_ findings: Findings) async throws {
        let name = try stream()
        findings.expect(try await registry.locate(name) == StreamLookup(), "an unknown stream is known")
        let one = try node("located")
        var report = NodeReport()
        report.viewers = 3
        _ = try await registry.renew(one, report: report, ttl: Self.long)
        let held = try await granted(name, one)
        var lookup = try await registry.locate(name)
        findings.expect(lookup.location == held, "found \(String(describing: lookup.location)), not \(held)")
        findings.expect(!lookup.isOrphaned, "a living owner's stream is an orphan")
        findings.expect(lookup.lastEpoch == held.epoch, "the last epoch is \(lookup.lastEpoch), not \(held.epoch)")
        findings.expect(lookup.nodes.map(\.record) == [one], "the owner's record is not in the lookup")
        findings.expect(lookup.nodes.first?.report == report, "the owner's report is not in the lookup")
        try await registry.release(one)
        lookup = try await registry.locate(name)
        findings.expect(lookup.location == nil && lookup.isOrphaned, "a dead owner's location is believed")
        findings.expect(lookup.lastEpoch == held.epoch, "the epoch died with the owner")
        findings.expect(lookup.nodes.isEmpty, "a dead owner is among the living")
    }

    func holding(_ findings: Findings) async throws {
        let (owner, near) = (try await livingNode("owner"), try await livingNode("near"))
        let (far, dying) = (try await livingNode("far"), try await livingNode("dying", for: Self.short))
        let name = try stream()
        _ = try await granted(name, owner)
        try await registry.hold(name, by: far.id, token: far.token, hops: 2)
        try await registry.hold(name, by: near.id, token: near.token, hops: 2)
        try await registry.hold(name, by: near.id, token: near.token, hops: 1)
        try await registry.hold(name, by: dying.id, token: dying.token, hops: 1)
        try await advance(Self.short * 2)
        var lookup = try await registry.locate(name)
        findings.expect(
            Set(lookup.holders) == [
                StreamHolder(node: near.id, token: near.token, hops: 1),
                StreamHolder(node: far.id, token: far.token, hops: 2),
            ], "the holders are \(lookup.holders)")
        findings.expect(
            Set(lookup.nodes.map(\.record.id)) == [owner.id, near.id, far.id],
            "the nodes are not the owner and the holders")

        try await registry.hold(name, by: near.id, token: "stranger", hops: nil)
        findings.expect(try await registry.locate(name).holders.count == 2, "a stranger's token took a holder back")
        try await registry.hold(name, by: near.id, token: near.token, hops: nil)
        lookup = try await registry.locate(name)
        findings.expect(lookup.holders.map(\.node) == [far.id], "a holder that let go is still there")

        // A new process under the old name does not hold what the old one held.
        var reborn = far
        reborn.token = Self.unique("token")
        try await registry.release(far)
        _ = try await registry.renew(reborn, report: nil, ttl: Self.long)
        findings.expect(try await registry.locate(name).holders.isEmpty, "a holder is believed under another token")
        for record in [owner, near, reborn] { try await registry.release(record) }
    }

    func hearing(_ findings: Findings) async throws {
        let news = registry.news()
        let name = try stream("news")
        let one = try await livingNode("news")
        let held = try await granted(name, one)
        var waiting = held
        waiting.state = .waiting
        _ = try await registry.restore([waiting])
        try await registry.wish(NodeWish(drainMilliseconds: nil, id: "w"), for: one.id)
        try await registry.withdraw(name, token: one.token, epoch: held.epoch)
        try await registry.release(one)
        let question = ClusterQuestion(id: Self.unique("question"), kind: .why, stream: name.description)
        _ = try await registry.ask(question, within: .zero)

        let change = RegistryNews.stream(name.description, epoch: held.epoch, owner: one.id, isGone: false)
        let gone = RegistryNews.stream(name.description, epoch: held.epoch, owner: one.id, isGone: true)
        let expected: [RegistryNews] = [
            .node(one.id), change, change, .wish(one.id), gone, .node(one.id), .question(question),
        ]
        let heard = await Self.first(expected.count, of: news, within: .seconds(3)) { item in
            // News of the checks before may still be on their way.
            expected.contains(item)
        }
        findings.expect(heard == expected, "heard \(heard) instead of \(expected)")
    }

    func asking(_ findings: Findings) async throws {
        let question = ClusterQuestion(id: Self.unique("question"), kind: .why, stream: "contract/why")
        let answers = [try node("answer"), try node("answer")].map {
            ClusterAnswer(question: question.id, node: $0.id, body: #"{"part":"edge","text":"ünïcödé"}"#)
        }
        let news = registry.news()
        async let asked = registry.ask(question, within: .milliseconds(300))
        let heard = await Self.first(1, of: news, within: .seconds(3)) { $0 == .question(question) }
        findings.expect(!heard.isEmpty, "the question was not heard")
        for answer in answers { try await registry.answer(answer) }
        try await registry.answer(ClusterAnswer(question: "another", node: answers[0].node, body: "{}"))
        let got = try await asked
        findings.expect(Set(got) == Set(answers) && got.count == 2, "the answers are \(got)")
        findings.expect(
            try await registry.ask(
                ClusterQuestion(id: Self.unique("question"), kind: .why, stream: nil), within: .zero
            ).isEmpty, "a question that nobody answered has answers")
    }

    func logging(_ findings: Findings) async throws {
        let one = try node("events")
        for index in 0..<5 {
            try await registry.log(
                ClusterEvent(
                    node: one.id, kind: "claimed", stream: index == 0 ? nil : "contract/\(index)", text: "no. \(index)")
            )
        }
        let newest = try await registry.events(after: nil, limit: 4)
        findings.expect(
            newest.map(\.text) == ["no. 1", "no. 2", "no. 3", "no. 4"], "the newest are \(newest.map(\.text))")
        findings.expect(newest.allSatisfy { $0.node == one.id && $0.kind == "claimed" }, "an event changed")
        findings.expect(newest.map(\.stream) == (1..<5).map { "contract/\($0)" }, "an event's stream changed")
        findings.expect(newest.allSatisfy { $0.wallMilliseconds > 1_600_000_000_000 }, "an event has no time")
        findings.expect(Set(newest.map(\.id)).count == 4, "ids are not unique")
        guard let second = newest.first, newest.count == 4 else { return }
        let later = try await registry.events(after: second.id, limit: 2)
        findings.expect(later.map(\.text) == ["no. 2", "no. 3"], "after the first of these come \(later.map(\.text))")
        findings.expect(
            try await registry.events(after: newest.last?.id, limit: 10).isEmpty, "there are events after the last")
    }

    /// The first items of a stream of news that are wanted, or those that came in time.
    package static func first(
        _ count: Int, of news: AsyncStream<RegistryNews>, within limit: Duration,
        where isWanted: @escaping @Sendable (RegistryNews) -> Bool
    ) async -> [RegistryNews] {
        await withTaskGroup(of: [RegistryNews]?.self) { group in
            let collected = NewsBox()
            group.addTask {
                for await item in news where isWanted(item) {
                    if await collected.append(item) >= count { break }
                }
                return nil
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            _ = await group.next()
            group.cancelAll()
            return await collected.items
        }
    }
}

private actor NewsBox {
    var items: [RegistryNews] = []

    func append(_ item: RegistryNews) -> Int {
        items.append(item)
        return items.count
    }
}
