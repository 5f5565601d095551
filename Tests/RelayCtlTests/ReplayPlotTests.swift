import Foundation
import Testing
import relayctl

@testable import RelayScaling

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("relayctl autoscale replay: the plot", .serialized)
struct ReplayPlotTests {
    /// A report of made-up series.
    private func report(
        _ name: String = "made", epochs: Int, policies: [String] = ["own", "last value", "HPA default"],
        demand: (Int) -> Double = { 50 + 40 * sin(Double($0) / 200) },
        replicas: (Int, Int) -> Int = { epoch, policy in
            60 + (epoch / (7 + policy)) % 50
        }
    ) -> ReplayReport {
        let values = (0..<epochs).map(demand)
        let rows = policies.map { policy in
            ReplayRow(
                policy: policy, sda: 96.4, hardSDA: 90.5, sdaZeroToTen: 90, sdaFive: 80, skill: 0.9, under: 1,
                overProvision: 4,
                cost: 104, overloadedMinutesPerDay: 0, utilisation: 71, scaleInsPerDay: 20)
        }
        let series = ReplaySeries(
            time: (0..<epochs).map { Double($0) * 60 }, demand: values, oracle: values.map { Int($0.rounded(.up)) },
            replicas: policies.indices.map { policy in (0..<epochs).map { replicas($0, policy) } })
        return ReplayReport(trace: name, settings: ReplaySettings(), rows: rows, series: series)
    }

    /// Reads the XML; tells elements and all text.
    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [String: Int] = [:]
        var attributes: Set<String> = []
        var text = ""

        func parser(
            _: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            elements[name, default: 0] += 1
            self.attributes.formUnion(attributes.keys)
        }

        func parser(_: XMLParser, foundCharacters string: String) { text += string }
    }

    private func read(_ svg: String) throws -> Reader {
        let reader = Reader()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(String(describing: parser.parserError))")
        return reader
    }

    @Test("It is XML that loads nothing, names everything, and says when")
    func valid() throws {
        let reader = try read(ReplayPlot(report: report(epochs: 3000), start: 1_515_333_600_000).svg)
        #expect(Set(reader.elements.keys) == ["svg", "title", "style", "rect", "text", "path"])
        #expect(!reader.attributes.contains { $0.hasPrefix("on") || $0.hasSuffix("href") })
        for text in [
            "made: 96.4 % of decisions right (SDA-1)", "own", "last value", "HPA default", "demand", "oracle",
            "overloaded",
            "Mon 8 Jan", "UTC", "The hardest 6 hours, enlarged",
        ] { #expect(reader.text.contains(text), "\(text)") }
        let elapsed = try read(ReplayPlot(report: report(epochs: 10_000), start: nil).svg)
        #expect(elapsed.text.contains("day 1") && elapsed.text.contains("since start"))
        #expect(!elapsed.text.contains("UTC"))
    }

    @Test(
        "It stays small, however long and restless the trace is, and however many policies there are",
        arguments: [2, 3, 60, 1440, 20_000])
    func size(epochs: Int) throws {
        var state: UInt64 = 1
        func random() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 40)
        }
        let report = report(
            epochs: epochs, policies: (0..<9).map { "policy \($0)" }, demand: { _ in Double(random() % 1000) / 7 },
            replicas: { _, _ in random() % 400 })
        let svg = ReplayPlot(report: report, start: nil).svg
        #expect(svg.utf8.count < 400_000, "\(svg.utf8.count)")
        _ = try read(svg)
    }

    @Test("Names of others are text, and what XML may not hold is not in it")
    func escapes() throws {
        let evil = "<script>&\"'\u{0}\u{1B}\u{202E}]]>\u{FFFF}"
        let svg = ReplayPlot(report: report(evil, epochs: 100, policies: [evil, "HPA"]), start: nil).svg
        let reader = try read(svg)
        #expect(reader.elements["script"] == nil)
        #expect(reader.text.contains("<script>&\"'???]]>?"))
    }

    @Test("Series that are empty, uneven or wild are still a picture", arguments: [0, 1, 2])
    func broken(epochs: Int) throws {
        var report = report(epochs: epochs)
        _ = try read(ReplayPlot(report: report, start: nil).svg)
        report.rows = []
        _ = try read(ReplayPlot(report: report, start: nil).svg)
        var uneven = self.report(epochs: 500)
        uneven.series.demand = uneven.series.demand.prefix(300) + [.nan, .infinity, -1, 1e300]
        uneven.series.replicas[0] = Array(repeating: .max, count: 400)
        uneven.series.oracle[7] = -5
        uneven.settings.lead = 1e300
        let svg = ReplayPlot(report: uneven, start: .max).svg
        _ = try read(svg)
        #expect(!svg.contains("nan") && !svg.contains("inf"))
    }

    @Test("Verdicts are those of SDA-1, and overload counts only what has been ready for a lead time")
    func verdicts() {
        let policy = PolicyVerdicts(
            replicas: [10, 10, 40, 40, 40, 10, 12, 9], oracle: [10, 12, 30, 36, 40, 10, 10, 10],
            demand: [7, 9, 30, 30, 40, 10, 10, 10], lead: 2, utilisation: 0.75)
        // 10 nodes carry 13.3 at 100 %; the 40 are ready two epochs after they were asked for.
        #expect(policy.verdicts == [.right, .under, .overloaded, .overloaded, .right, .right, .over, .under])
    }

    @Test("The enlarged part is where what will be needed differs most from what is needed")
    func hardest() {
        var report = report(epochs: 5000, demand: { _ in 50 })
        for epoch in 2000..<2300 { report.series.oracle[epoch] = 80 }
        let plot = ReplayPlot(report: report, start: nil)
        #expect(plot.zoom.count == 360)
        #expect(plot.zoom.contains(2000) && plot.zoom.contains(2299))
        #expect(ReplayPlot(report: self.report(epochs: 90), start: nil).zoom == 0..<90)
    }

    @Test("Marks of the axes are round and few")
    func axes() {
        #expect(PlotAxis.values(upTo: 107, count: 6) == [0, 20, 40, 60, 80, 100])
        #expect(PlotAxis.values(upTo: 1, count: 5).map { ($0 * 10).rounded() } == [0, 2, 4, 6, 8, 10])
        #expect(PlotAxis.values(upTo: .nan, count: 5) == [0])
        #expect(PlotAxis.values(upTo: 1e300, count: 5).count < 12)
        let days = PlotAxis.instants(from: 0, to: 590_000, start: 1_515_333_600_000, count: 10)
        #expect(
            days.map(\.label) == [
                "Mon 8 Jan", "Tue 9 Jan", "Wed 10 Jan", "Thu 11 Jan", "Fri 12 Jan", "Sat 13 Jan", "Sun 14 Jan",
            ])
        #expect(days.first?.time == 36_000)
        let hours = PlotAxis.instants(from: 33_000, to: 44_000, start: 1_515_333_600_000, count: 4)
        #expect(hours.map(\.label) == ["Mon 8 Jan", "01:00", "02:00"])
        let elapsed = PlotAxis.instants(from: 80_000, to: 95_000, start: nil, count: 5)
        #expect(elapsed.map(\.label) == ["23 h", "1 d 0 h", "1 d 1 h", "1 d 2 h"])
        #expect(PlotAxis.instants(from: 5, to: 5, start: nil, count: 5).isEmpty)
        #expect(PlotAxis.instants(from: 0, to: 1e300, start: nil, count: 5).isEmpty)
    }
}
