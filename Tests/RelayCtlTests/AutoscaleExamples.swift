/// Answers of a node about scaling, written out: what travels, not what our own encoder makes of it.
enum AutoscaleExamples {
    /// 2026-03-01 19:58:05 UTC.
    static let instant: Int64 = 1_772_395_085_000

    static func need(_ name: String, _ nodes: Double, _ text: String) -> String {
        #"{"name":"\#(name)","nodes":\#(nodes),"text":"\#(text)"}"#
    }

    static let needs = [
        need("event.final", 61, "from 20:20, 160 k viewers"),
        need("forecast.egress", 45.1, "1.243 x now (36.3): yesterday at this hour +14.1 %, band +2.9 %"),
        need("reactive.egress", 36.3, "87.1 Gb/s now"),
    ]

    static func block(_ code: String, _ text: String) -> String { #"{"code":"\#(code)","text":"\#(text)"}"# }

    static let actions = [
        #"{"scale":{"from":42,"to":46,"uid":"u-1"}}"#, #"{"drain":{"_0":["e1","e2"],"deadline":600}}"#,
        #"{"undrain":{"_0":["e3"]}}"#,
        #"{"mark":{"_0":[{"pod":"edge-x","uid":"u","cost":-1000},{"pod":"edge-y","uid":"v"}]}}"#,
    ]

    static let accuracy =
        #"{"sda":97.1,"lastValue":74,"overloadedMinutes":0,"overProvision":2.8,"epochs":1440}"#

    static func decision(
        tier: String = "edge", at instant: Int64 = instant, mode: String = "on", from current: Int = 42,
        to target: Int = 46,
        reason: String = "forecast.egress", needs: [String] = needs, blocks: [String] = [], actions: [String] = [],
        samples: Int = 23, buffer: Int = 1, accuracy: String? = accuracy
    ) -> String {
        """
        {"tier":"\(tier)","wallMilliseconds":\(instant),"epoch":7,"mode":"\(mode)","current":\(current),"target":\(target),\
        "reason":"\(reason)","needs":[\(needs.joined(separator: ","))],"blocks":[\(blocks.joined(separator: ","))],\
        "actions":[\(actions.joined(separator: ","))],"leadSeconds":118,"leadSamples":\(samples),"holdSeconds":300,\
        \(samples > 0 ? #""leadPlacedSeconds":17,"leadWaitedSeconds":131,"# : "")\
        "utilisation":0.75,"buffer":\(buffer)\(accuracy.map { ",\"accuracy\":\($0)" } ?? "")}
        """
    }

    static func list(_ decisions: [String]) -> String { #"{"decisions":[\#(decisions.joined(separator: ","))]}"# }

    static func status(
        leader: String? = "relay-autoscaler-0", driver: String = "kubernetes", isPaused: Bool = false,
        usesForecast: Bool = true, age: Double = 3.2, _ tiers: [String]
    ) -> String {
        """
        {\(leader.map { "\"leader\":\"\($0)\"," } ?? "")"epoch":7,"driver":"\(driver)",\
        "controls":\(controls(isPaused, usesForecast)),"ageSeconds":\(age),"tiers":[\(tiers.joined(separator: ","))]}
        """
    }

    static func controls(_ isPaused: Bool, _ usesForecast: Bool) -> String {
        #"{"isPaused":\#(isPaused),"usesForecast":\#(usesForecast)}"#
    }

    static func event(
        _ name: String, tier: String = "edge", start: Int64 = instant, end: Int64 = instant + 7_200_000,
        peak: Double = 160_000
    ) -> String {
        """
        {"name":"\(name)","tier":"\(tier)","startMilliseconds":\(start),"endMilliseconds":\(end),"peak":\(peak),\
        "rampSeconds":600}
        """
    }

    static func events(_ events: [String]) -> String { #"{"events":[\#(events.joined(separator: ","))]}"# }
}
