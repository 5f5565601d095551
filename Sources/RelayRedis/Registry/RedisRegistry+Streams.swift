package import RelayCluster
package import RelayCore

extension RedisRegistry {
    /// Locations in one run of a script: some milliseconds of Redis' time.
    private static let restorePage = 200
    /// Runs sent before the replies of the first are waited for.
    private static let restoreWindow = 16
    /// Locations of one page; with fields of the largest size it stays below ``RESPLimits/reply``.
    private static let streamPage = 200

    package func claim(_ claim: StreamClaim) async throws(RegistryError) -> ClaimAnswer {
        var location = claim.location
        // Given by the registry; only the lower bounds count, and one that no registry gave is not carried on.
        location.incarnation.epoch = 0
        guard let fields = check.fields(location) else {
            throw .refused("the location of \(location.stream) is not valid; check the node's name and link address")
        }
        var floor = max(claim.floor, claim.location.epoch)
        if floor > RegistryCheck.highestEpoch {
            countSkipped(1)
            floor = 0
        }
        let mode: [String]
        switch claim.mode {
        case .ifFree: mode = ["free", "0"]
        case .over(let epoch): mode = ["over", "\(epoch)"]
        }
        let reply = try await call(.claim, [location.stream, "\(floor)"] + mode + fields)
        guard let parts = reply.array, parts.count == 3, let answer = parts[0].text, let found = parts[1].array,
            let damaged = parts[2].integer
        else { throw .badAnswer("a claim was answered with something else") }
        countSkipped(damaged == 0 ? 0 : 1)
        guard let stands = check.location(location.stream, found) else {
            countSkipped(1)
            throw .badAnswer("the location that holds \(location.stream) cannot be read")
        }
        switch answer {
        case "granted": return .granted(stands)
        case "held": return .held(stands)
        default: throw .badAnswer("a claim was answered with something else")
        }
    }

    package func restore(_ locations: [StreamLocation]) async throws(RegistryError) -> [String: StreamLocation] {
        var runs: [[String]] = []
        var inLast = 0
        for location in locations {
            guard let fields = check.fields(location) else {
                countSkipped(1)
                continue
            }
            if runs.isEmpty || inLast == Self.restorePage {
                runs.append([])
                inLast = 0
            }
            runs[runs.count - 1] += [location.stream] + fields
            inLast += 1
        }
        var against: [String: StreamLocation] = [:]
        var rest = runs[...]
        while !rest.isEmpty {
            for reply in try await call(.restore, each: Array(rest.prefix(Self.restoreWindow))) {
                guard let parts = reply.array, let damaged = parts.first?.integer else {
                    throw .badAnswer("a restoration was answered with something else")
                }
                countSkipped(Int(clamping: damaged))
                for location in locationsByName(parts.dropFirst()) { against[location.stream] = location }
            }
            rest = rest.dropFirst(Self.restoreWindow)
        }
        return against
    }

    package func withdraw(_ stream: StreamName, token: String, epoch: UInt64) async throws(RegistryError) {
        _ = try await call(.withdraw, [stream.description, token, "\(epoch)"])
    }

    package func locate(_ stream: StreamName) async throws(RegistryError) -> StreamLookup {
        let reply = try await call(.locate, [stream.description, "\(settings.holderLimit)"])
        guard let parts = reply.array, parts.count == 6, let alive = parts[1].integer,
            let last = parts[2].text.flatMap({ UInt64($0) }), let damaged = parts[3].integer,
            let nodes = parts[4].array,
            let holders = parts[5].array
        else { throw .badAnswer("a lookup was answered with something else") }
        countSkipped(damaged == 0 ? 0 : 1)
        var lookup = StreamLookup(lastEpoch: last)
        if let fields = parts[0].array {
            if let location = check.location(stream.description, fields) {
                if alive != 0 { lookup.location = location } else { lookup.isOrphaned = true }
            } else {
                countSkipped(1)
            }
        }
        lookup.nodes = nodeEntries(nodes)
        lookup.holders = holders.compactMap { value in
            guard let parts = value.array, parts.count == 3, let node = parts[0].text.flatMap({ NodeID($0) }),
                let token = parts[1].text, let hops = parts[2].integer, let hops = Int(exactly: hops)
            else {
                countSkipped(1)
                return nil
            }
            return StreamHolder(node: node, token: token, hops: hops)
        }
        return lookup
    }

    package func streams(limit: Int) async throws(RegistryError) -> [StreamLocation] {
        var found: [StreamLocation] = []
        var from = "-"
        while found.count < limit {
            let page = min(Self.streamPage, limit - found.count)
            let reply = try await call(.streams, [from, "\(page)"])
            guard let parts = reply.array, parts.count >= 2, let damaged = parts[1].integer else {
                throw .badAnswer("the list of streams is none")
            }
            countSkipped(Int(clamping: damaged))
            found += locationsByName(parts.dropFirst(2))
            guard let last = parts[0].text else { break }
            from = "(" + last
        }
        return found
    }

    package func prefer(_ node: NodeID?, for stream: StreamName) async throws(RegistryError) {
        _ = try await call(.prefer, [stream.description, node?.text ?? ""])
    }

    package func hold(
        _ stream: StreamName, by node: NodeID, token: String, hops: Int?
    ) async throws(RegistryError) {
        guard RegistryCheck.isToken(token) else { throw .refused("the node's token is not one word") }
        let hops = hops.map { "\(min(max($0, 0), 999))" }
        _ = try await call(.hold, [stream.description, node.text, token, hops ?? ""])
    }

    /// Locations from an array of names and fields in turn; those that are not sound are counted.
    private func locationsByName(_ values: ArraySlice<RESPValue>) -> [StreamLocation] {
        var found: [StreamLocation] = []
        var rest = values
        while let name = rest.popFirst(), let fields = rest.popFirst() {
            if let name = name.text, let location = check.location(name, fields.array ?? []) {
                found.append(location)
            } else {
                countSkipped(1)
            }
        }
        return found
    }
}
