import RelayTestKit

/// Answers of a node about its cluster, written out: what travels, not what our own encoder makes of it.
enum ClusterExamples {
    static let connected = #"{"state":"connected","seconds":3725.5,"url":"redis://registry:6379"}"#
    static let away = #"{"state":"away","seconds":12,"reason":"connection refused","url":"redis://registry:6379"}"#

    static func node(
        _ name: String, role: String = "edge", state: String = "serving", region: String = "eu-west", viewers: Int = 0,
        publishers: Int = 0, children: Int = 0, sequence: Int = 9, leaseMs: Int = 8000, hasReport: Bool = true
    ) -> String {
        let report = """
            ,"report":{"sequence":\(sequence),"uptimeSeconds":60,"egressBitrate":1250000000,"ingestBitrate":3000000,\
            "viewers":\(viewers),"publishers":\(publishers),"streams":2,"pulls":2,"children":\(children),\
            "busiestLoop":0.92,"cpu":0.41,"rejects":0,"drops":5}
            """
        return """
            {"node":"\(name)","role":"\(role)","state":"\(state)","region":"\(region)","zone":"a",\
            "link":"10.0.0.1:1985","release":"1.0.0","leaseMs":\(leaseMs)\(hasReport ? report : "")}
            """
    }

    static func nodes(_ nodes: [String], registry: String = connected) -> String {
        #"{"registry":\#(registry),"nodes":[\#(nodes.joined(separator: ","))]}"#
    }

    static func stream(
        _ name: String = "live/a", state: String = "live", owner: String = "o1", epoch: Int = 7,
        ownerLives: Bool = true, preferred: String? = nil
    ) -> String {
        let wish = preferred.map { ",\"preferred\":\"\($0)\"" } ?? ""
        return """
            {"stream":"\(name)","state":"\(state)","owner":"\(owner)","epoch":\(epoch),"incarnation":"00c0ffee",\
            "link":"10.0.0.1:1985","videoCodec":"avc","audioCodec":"aac","ownerLives":\(ownerLives)\(wish)}
            """
    }

    static func streams(_ streams: [String], registry: String = connected) -> String {
        #"{"registry":\#(registry),"streams":[\#(streams.joined(separator: ","))]}"#
    }

    static func location(
        _ stream: String?, parents: [(node: String, hops: Int, breaker: String)], age: Double = 0,
        registry: String = connected
    ) -> String {
        let list = parents.map {
            #"{"node":"\#($0.node)","link":"10.0.0.1:1985","hops":\#($0.hops),"breaker":"\#($0.breaker)"}"#
        }
        let part = stream.map { #""stream":\#($0),"# } ?? ""
        return """
            {"registry":\(registry),\(part)"parents":[\(list.joined(separator: ","))],"ageSeconds":\(age)}
            """
    }

    /// - Parameter more: further members, each with a comma before it.
    static func part(
        _ node: String, _ part: String, epoch: Int = 7, viewers: Int = 0, rate: Double = 3_000_000, queue: Int = 0,
        slow: Int = 0, lost: Int = 0, more: String = ""
    ) -> String {
        """
        {"node":"\(node)","role":"edge","part":"\(part)","epoch":\(epoch),"incarnation":"00c0ffee","viewers":\(viewers),\
        "children":1,"bitrate":\(rate),"framesPerSecond":\(rate > 0 ? 30 : 0),"queueFrames":\(queue),"queueBytes":4000,\
        "framesLost":\(lost),"duplicates":0,"failovers":3,"slowViewers":\(slow)\(more)}
        """
    }

    static let owner = part("o1", "owner", more: #","publisher":"192.0.2.7:50123","encoder":"OBS 31""#)
    static let standby = part(
        "o2", "standby", rate: 0, more: #","publisher":"192.0.2.8:40000","encoder":"Wirecast""#)

    static func pulling(
        _ node: String, from parent: String, hops: Int = 1, epoch: Int = 7, viewers: Int = 10, rate: Double = 3_000_000,
        slow: Int = 0, queue: Int = 0, rtt: Double = 12.6, lost: Int = 0, more: String = ""
    ) -> String {
        part(
            node, "pulling", epoch: epoch, viewers: viewers, rate: rate, queue: queue, slow: slow, lost: lost,
            more: #","phase":"streaming","parent":"\#(parent)","hops":\#(hops),"hopRTTMs":\#(rtt)"# + more)
    }

    static func failover(_ secondsAgo: Double) -> String {
        """
        ,"lastFailover":{"secondsAgo":\(secondsAgo),"gapMs":240,"framesLost":7,"from":"o1","to":"o2"}
        """
    }

    static func why(
        _ stream: String?, lease: Int? = 8000, parts: [String], silent: [String] = [], registry: String = connected
    ) -> String {
        let leasePart = lease.map { #","ownerLeaseMs":\#($0)"# } ?? ""
        let streamPart = stream.map { #","stream":\#($0)"# } ?? ""
        let names = silent.map { "\"\($0)\"" }.joined(separator: ",")
        return """
            {"registry":\(registry)\(streamPart)\(leasePart),"parts":[\(parts.joined(separator: ","))],"silent":[\(names)]}
            """
    }

    /// A whole cluster: two levels of edges, one that lost frames, one that is silent.
    static let wideWhy = why(
        stream(preferred: "o2"),
        parts: [
            owner, standby, pulling("e1", from: "o1", viewers: 100), pulling("e2", from: "o1", viewers: 50, slow: 3),
            pulling("e3", from: "e1", hops: 2, viewers: 7, lost: 7, more: failover(12)),
        ], silent: ["e9"])

    static func event(_ id: String, kind: String = "claimed", text: String = "o1 owns live/a with epoch 7.") -> String {
        #"{"id":"\#(id)","wallMs":1772355959123,"node":"o1","kind":"\#(kind)","stream":"live/a","text":"\#(text)"}"#
    }

    static func events(_ events: [String]) -> String { #"{"events":[\#(events.joined(separator: ","))]}"# }

    static let accepted = #"{"accepted":true,"text":"It will be done."}"#

    /// A node that answers each endpoint of `top`.
    static func cluster() throws -> CannedServer {
        let here = try CommandRun.example("streams")
        return try CannedServer(
            .reply { request in
                let path = request.split(separator: " ").dropFirst().first ?? ""
                if path.hasPrefix("/v1/cluster/nodes") {
                    return answer(
                        "200 OK", nodes([node("e1", viewers: 503), node("o1", role: "origin", publishers: 2)]))
                }
                if path.hasPrefix("/v1/cluster/streams") {
                    return answer(
                        "200 OK", streams([stream("live/quiet"), stream("live/room/one", ownerLives: false)]))
                }
                if path.hasPrefix("/v1/cluster/events") {
                    return answer("200 OK", events([event("1-0"), event("2-0")]))
                }
                return answer("200 OK", here)
            })
    }
}
