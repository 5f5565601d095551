import RelayCluster
import RelayCore

extension RegistryContract {
    func nodeLease(_ findings: Findings) async throws {
        let one = try node("lease")
        // Elsewhere: at the same address it would be the same node, started again.
        var rival = one
        rival.token = Self.unique("token")
        rival.link = Endpoint(host: "127.0.0.1", port: 2985)
        var report = NodeReport()
        report.sequence = 7
        report.viewers = 11

        guard case .renewed(true, let wall, nil) = try await registry.renew(one, report: report, ttl: Self.long) else {
            findings.add("the first renewal does not say that the lease was absent")
            return
        }
        findings.expect(wall > 1_600_000_000_000, "the wall clock of a renewal is \(wall) ms")
        guard case .renewed(false, _, _) = try await registry.renew(one, report: nil, ttl: Self.long) else {
            findings.add("the second renewal is not one of a lease that was there")
            return
        }
        let entry = try await registry.nodes().first { $0.record.id == one.id }
        findings.expect(entry?.record == one, "the record came back as \(String(describing: entry?.record))")
        findings.expect(entry?.report == report, "a renewal without a report took the last one away or changed it")
        let left = entry?.leaseMilliseconds ?? 0
        findings.expect(
            (1...Self.long.wholeMilliseconds).contains(left), "\(left) ms are left of a lease of \(Self.long)")

        findings.expect(
            try await registry.renew(rival, report: nil, ttl: Self.long) == .taken, "two processes live under one name")
        try await registry.release(rival)
        findings.expect(
            try await registry.nodes().contains { $0.record.id == one.id }, "a stranger's token released a lease")

        var changed = one
        changed.state = .draining
        _ = try await registry.renew(changed, report: nil, ttl: Self.long)
        findings.expect(
            try await registry.nodes().first { $0.record.id == one.id }?.record.state == .draining,
            "a renewal does not write the record")

        try await registry.release(one)
        findings.expect(
            try await !registry.nodes().contains { $0.record.id == one.id }, "a released node is still listed")
        guard case .renewed(true, _, _) = try await registry.renew(rival, report: nil, ttl: Self.long) else {
            findings.add("a released name cannot be claimed")
            return
        }
        try await registry.release(rival)
    }

    func expiry(_ findings: Findings) async throws {
        let old = try node("expiry")
        var new = old
        new.token = Self.unique("token")
        new.link = Endpoint(host: "127.0.0.1", port: 2985)
        _ = try await registry.renew(old, report: NodeReport(), ttl: Self.short)
        try await advance(Self.short * 2)
        findings.expect(
            try await !registry.nodes().contains { $0.record.id == old.id }, "a node is listed after its lease")
        guard case .renewed(true, _, _) = try await registry.renew(new, report: nil, ttl: Self.long) else {
            findings.add("a name whose lease is over cannot be claimed")
            return
        }
        findings.expect(
            try await registry.renew(old, report: nil, ttl: Self.long) == .taken, "the old process took its name back")
        findings.expect(
            try await registry.nodes().first { $0.record.id == new.id }?.record == new, "the new record does not stand")
        try await registry.release(new)
    }

    func returning(_ findings: Findings) async throws {
        let old = try await livingNode("returning")
        var new = old
        new.token = Self.unique("token")
        guard case .renewed(true, _, _) = try await registry.renew(new, report: nil, ttl: Self.long) else {
            findings.add("a node that started again at its address has to wait for its own old lease")
            return
        }
        findings.expect(
            try await registry.nodes().first { $0.record.id == new.id }?.record == new, "the new record does not stand")
        try await registry.release(old)
        findings.expect(
            try await registry.nodes().contains { $0.record.id == new.id }, "the process before released the new lease")
        try await registry.release(new)

        // Without a link there is no address to know it by.
        var nameless = try node("nameless")
        nameless.link = nil
        _ = try await registry.renew(nameless, report: nil, ttl: Self.long)
        var other = nameless
        other.token = Self.unique("token")
        findings.expect(
            try await registry.renew(other, report: nil, ttl: Self.long) == .taken,
            "two processes without a link live under one name")
        try await registry.release(nameless)
    }

    func wishes(_ findings: Findings) async throws {
        let one = try await livingNode("wish")
        let wish = NodeWish(drainMilliseconds: 60_000, id: Self.unique("wish"))
        try await registry.wish(wish, for: one.id)
        guard case .renewed(_, _, let read) = try await registry.renew(one, report: nil, ttl: Self.long) else {
            findings.add("the lease was lost")
            return
        }
        findings.expect(read == wish, "a renewal reads the wish \(String(describing: read))")
        try await registry.wish(nil, for: one.id)
        guard case .renewed(_, _, nil) = try await registry.renew(one, report: nil, ttl: Self.long) else {
            findings.add("a wish that was taken back is still there")
            return
        }
        try await registry.release(one)
    }

    func rivalWishes(_ findings: Findings) async throws {
        func order(_ drain: Int64?, epoch: UInt64?) -> NodeWish {
            NodeWish(
                drainMilliseconds: drain, id: Self.unique("wish"), author: epoch.map { _ in NodeWish.autoscaler },
                epoch: epoch)
        }
        for (what, first, second, isReplaced) in [
            ("an operator's drain by the autoscaler's undrain", order(5, epoch: nil), order(nil, epoch: 9), false),
            ("an operator's drain by the autoscaler's drain", order(5, epoch: nil), order(6, epoch: 9), false),
            ("an operator's undrain by the autoscaler's drain", order(nil, epoch: nil), order(6, epoch: 9), true),
            ("an operator's drain by another operator's undrain", order(5, epoch: nil), order(nil, epoch: nil), true),
            ("the autoscaler's drain by an operator's undrain", order(5, epoch: 9), order(nil, epoch: nil), true),
            ("the autoscaler's drain by its undrain", order(5, epoch: 9), order(nil, epoch: 9), true),
            ("a leader's drain by the next leader's undrain", order(5, epoch: 9), order(nil, epoch: 10), true),
            ("a leader's drain by the former leader's undrain", order(5, epoch: 9), order(nil, epoch: 8), false),
        ] {
            let one = try await livingNode("rivals")
            try await registry.wish(first, for: one.id)
            try await registry.wish(second, for: one.id)
            guard case .renewed(_, _, let read) = try await registry.renew(one, report: nil, ttl: Self.long) else {
                findings.add("the lease was lost")
                return
            }
            findings.expect(read == (isReplaced ? second : first), "\(what): \(String(describing: read)) stands")
            try await registry.wish(nil, for: one.id)
            try await registry.release(one)
        }
    }
}
