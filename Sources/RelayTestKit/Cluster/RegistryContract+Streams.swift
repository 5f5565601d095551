import RelayCluster
import RelayCore

extension RegistryContract {
    func claiming(_ findings: Findings) async throws {
        let (one, two) = (try await livingNode("owner"), try await livingNode("rival"))
        let name = try stream()
        let first = try await granted(name, one, floor: 41)
        findings.expect(first.epoch > 41, "epoch \(first.epoch) is not above the claimant's floor of 41")
        var expected = location(name, one, epoch: first.epoch)
        findings.expect(first == expected, "granted \(first) for \(expected)")
        findings.expect(
            try await claim(name, two) == .held(first), "a stream with a living owner was given to another")
        findings.expect(
            try await claim(name, two, mode: .over(epoch: first.epoch - 1)) == .held(first),
            "a claim over an epoch that does not stand was granted")
        let again = try await granted(name, one)
        findings.expect(again.epoch > first.epoch, "the owner's second claim has no higher epoch")
        let taken = try await granted(name, two, mode: .over(epoch: again.epoch))
        findings.expect(taken.epoch > again.epoch, "a takeover has no higher epoch")
        expected = location(name, two, epoch: taken.epoch)
        findings.expect(taken == expected, "taken over as \(taken)")
        findings.expect(
            try await claim(name, one, mode: .over(epoch: again.epoch)) == .held(taken),
            "the loser took the stream back with the epoch it had")

        // Many at once: one wins, the others are told who.
        let contested = try stream("contested")
        let answers = try await withThrowingTaskGroup(of: ClaimAnswer.self) { group in
            for index in 0..<8 {
                group.addTask { try await self.claim(contested, index.isMultiple(of: 2) ? one : two, state: .live) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let owners = Set(
            answers.compactMap { answer in
                if case .granted(let location) = answer { return location.owner }
                return nil
            })
        findings.expect(owners.count == 1, "\(owners.count) nodes were granted one stream at once")
        for record in [one, two] { try await registry.release(record) }
    }

    func claimingFree(_ findings: Findings) async throws {
        let (one, two) = (try await livingNode("gone", for: Self.short), try await livingNode("next"))
        let orphan = try stream("orphan")
        let first = try await granted(orphan, one, start: 1_650_000_000_000)
        try await registry.prefer(two.id, for: orphan)
        try await advance(Self.short * 2)
        let second = try await granted(orphan, two, start: 1_690_000_000_000)
        findings.expect(second.epoch > first.epoch, "the epoch did not grow from owner to owner")
        findings.expect(
            second.startWallMilliseconds == 1_650_000_000_000,
            "the start is \(second.startWallMilliseconds), not the first's")
        findings.expect(second.preferred == two.id, "the preference was lost with the owner")

        let three = try await livingNode("waiting")
        let waiting = try stream("waiting")
        var held = try await granted(waiting, three)
        held.state = .waiting
        _ = try await registry.restore([held])
        let next = try await granted(waiting, two)
        findings.expect(next.epoch > held.epoch, "a stream that waited was granted without a higher epoch")

        // The same name in a new process: another token, so another owner.
        var reborn = three
        reborn.token = Self.unique("token")
        let own = try stream("own")
        let before = try await granted(own, three)
        try await registry.release(three)
        _ = try await registry.renew(reborn, report: nil, ttl: Self.long)
        let after = try await granted(own, reborn)
        findings.expect(after.epoch > before.epoch, "a process that came back has no higher epoch")
        for record in [two, reborn] { try await registry.release(record) }
    }

    func epochs(_ findings: Findings) async throws {
        let one = try await livingNode("epochs")
        let name = try stream()
        var last: UInt64 = 0
        for round in 0..<5 {
            let location = try await granted(name, one, floor: round == 3 ? last + 1_000_000 : 0)
            findings.expect(location.epoch > last, "round \(round): epoch \(location.epoch) after \(last)")
            findings.expect(round != 3 || location.epoch > last + 1_000_000, "the floor was not heeded")
            last = location.epoch
            try await registry.withdraw(name, token: one.token, epoch: location.epoch)
            let lookup = try await registry.locate(name)
            findings.expect(lookup.lastEpoch == last, "\(lookup.lastEpoch) is remembered, not \(last)")
        }
        if let empty {
            try await empty()
            // Without a floor of the claimant's: the registry must not start over.
            let location = try await granted(try stream("other"), one)
            findings.expect(location.epoch > 1_000_000, "an emptied registry counts from \(location.epoch)")
        }
        try await registry.release(one)
    }

    func withdrawing(_ findings: Findings) async throws {
        let one = try await livingNode("withdraw")
        let name = try stream()
        let held = try await granted(name, one)
        try await registry.withdraw(name, token: "stranger", epoch: held.epoch)
        findings.expect(try await registry.locate(name).location == held, "a stranger withdrew a stream")
        try await registry.withdraw(name, token: one.token, epoch: held.epoch - 1)
        findings.expect(try await registry.locate(name).location == held, "an old epoch withdrew a stream")
        try await registry.withdraw(name, token: one.token, epoch: held.epoch)
        let lookup = try await registry.locate(name)
        findings.expect(lookup.location == nil && !lookup.isOrphaned, "a withdrawn stream is still there")
        findings.expect(
            try await !registry.streams(limit: 10_000).contains { $0.stream == name.description }, "listed still")
        try await registry.release(one)
    }

    func restoring(_ findings: Findings) async throws {
        let (one, two) = (try await livingNode("restore"), try await livingNode("newer"))
        let name = try stream()
        let first = try await granted(name, one)
        var changed = first
        changed.state = .waiting
        changed.videoCodec = "hevc"
        findings.expect(try await registry.restore([changed]).isEmpty, "the owner's own change was refused")
        findings.expect(try await registry.locate(name).location == changed, "the owner's change was not written")

        let second = try await granted(name, two)
        findings.expect(
            try await registry.restore([changed]) == [name.description: second],
            "an older epoch is not told what stands")
        findings.expect(try await registry.locate(name).location == second, "an older epoch overwrote a newer one")

        var impostor = location(name, one, epoch: second.epoch)
        impostor.incarnation.id = 1
        findings.expect(
            try await registry.restore([impostor]) == [name.description: second],
            "the same epoch under another token is not told what stands")
        findings.expect(
            try await registry.locate(name).location == second, "another token overwrote the owner of the same epoch")

        let newer = location(name, one, epoch: second.epoch + 5)
        findings.expect(try await registry.restore([newer]).isEmpty, "a newer epoch was refused")
        findings.expect(try await registry.locate(name).location == newer, "a newer epoch was not written")
        findings.expect(
            try await granted(name, two, mode: .over(epoch: newer.epoch)).epoch > newer.epoch,
            "a restored epoch was not built upon")
        findings.expect(try await registry.restore([]).isEmpty, "nothing restored gave something")
        for record in [one, two] { try await registry.release(record) }
    }

    func emptied(_ findings: Findings) async throws {
        guard let empty else { return }
        let one = try await livingNode("emptied")
        var held: [StreamLocation] = []
        for _ in 0..<450 { held.append(try await granted(try stream("bulk"), one)) }
        try await empty()
        guard case .renewed(true, _, _) = try await registry.renew(one, report: nil, ttl: Self.long) else {
            findings.add("an emptied registry does not say that the lease was absent")
            return
        }
        findings.expect(try await registry.restore(held).isEmpty, "an empty registry stood against something")
        let found = try await registry.streams(limit: 10_000)
        findings.expect(
            Set(found) == Set(held), "\(found.count) of \(held.count) locations are back, or they changed")
        findings.expect(
            try await granted(try StreamName(path: held[0].stream), one).epoch > held[0].epoch, "an epoch went back")
        try await empty()
    }

    func preferring(_ findings: Findings) async throws {
        let (one, two) = (try await livingNode("preferring"), try await livingNode("preferred"))
        let name = try stream()
        let held = try await granted(name, one)
        try await registry.prefer(two.id, for: name)
        findings.expect(try await registry.locate(name).location?.preferred == two.id, "the preference is not there")
        // The owner does not know of it yet and writes its change.
        findings.expect(try await registry.restore([held]).isEmpty, "the owner's change was refused")
        findings.expect(
            try await registry.locate(name).location?.preferred == two.id, "the owner's change took the preference away"
        )
        try await registry.prefer(nil, for: name)
        findings.expect(try await registry.locate(name).location?.preferred == nil, "the preference stays")
        for record in [one, two] { try await registry.release(record) }
    }

    func listing(_ findings: Findings) async throws {
        let one = try await livingNode("listing")
        var names: Set<String> = []
        for _ in 0..<5 { names.insert(try await granted(try stream("listed"), one).stream) }
        let all = try await registry.streams(limit: 10_000)
        findings.expect(names.isSubset(of: Set(all.map(\.stream))), "some streams are not listed")
        findings.expect(Set(all.map(\.stream)).count == all.count, "a stream is listed twice")
        findings.expect(try await registry.streams(limit: 3).count == 3, "the limit is not kept")
        findings.expect(try await registry.streams(limit: 0).isEmpty, "a limit of none is not kept")
        try await registry.release(one)
    }
}
