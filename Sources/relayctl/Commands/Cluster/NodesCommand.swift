import ArgumentParser
import RelayAPI

struct NodesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "nodes", abstract: "The nodes of the cluster.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        try await options.show(client.clusterNodes) { list, width, hasColour in
            Self.render(list, width: width, hasColour: hasColour)
        }
    }

    static func render(_ list: ClusterNodeList, width: Int?, hasColour: Bool) -> String {
        func prose(_ text: String) -> String { Prose.paragraph(text, width: width, hasColour: hasColour) }
        let header = ClusterText.header(list.registry, width: width, hasColour: hasColour)
        guard !list.nodes.isEmpty else {
            return header + prose("No nodes in the registry \(list.registry.url). Do the nodes use this one?")
        }
        var text = header + table(list.nodes, width: width, hasColour: hasColour) + "\n\n" + prose(summary(list.nodes))
        for node in list.nodes.filter({ $0.state == "draining" }).prefix(8) {
            let viewers = node.report.map { Prose.count($0.viewers, "viewer") } ?? "viewers unknown"
            text += "\n" + prose("\(node.node) drains, \(viewers) left; relayctl undrain \(node.node) takes it back.")
        }
        return text
    }

    /// The table alone, which `top` shows too.
    static func table(_ nodes: [ClusterNode], width: Int?, hasColour: Bool) -> String {
        var table = Table([
            .init("NODE", shrinks: true), .init("ROLE"), .init("STATE"), .init("REGION", shrinks: true),
            .init("VIEWERS", alignsRight: true), .init("PUBS", alignsRight: true), .init("PULLS", alignsRight: true),
            .init("OUT", alignsRight: true), .init("CPU", alignsRight: true), .init("LOOP", alignsRight: true),
            .init("LEASE", alignsRight: true),
        ])
        for node in nodes {
            let lease = ClusterText.lease(node.leaseMs)
            let region = [node.region, node.zone].filter { !$0.isEmpty }.joined(separator: "/")
            var cells = [node.node, node.role, node.state, region.isEmpty ? "-" : region]
            var colours: [Int: Table.Colour] = [2: ClusterText.nodeState(node.state), 10: lease.colour]
            if let report = node.report {
                cells += [
                    "\(report.viewers)", "\(report.publishers)", "\(report.pulls)", Units.bitrate(report.egressBitrate),
                    Units.percent(report.cpu), Units.percent(report.busiestLoop),
                ]
                colours[8] = ClusterText.busy(report.cpu)
                colours[9] = ClusterText.busy(report.busiestLoop)
            } else {
                cells += Array(repeating: "-", count: 6)
            }
            table.add(cells + [lease.text], colours: colours)
        }
        table.leaveOut(["REGION", "PULLS", "CPU", "ROLE", "PUBS"], toFit: width)
        return table.render(width: width, hasColour: hasColour)
    }

    /// `3 nodes, 12 viewers, 36.0 Mb/s out`
    static func summary(_ nodes: [ClusterNode]) -> String {
        let reports = nodes.compactMap(\.report)
        let egress = reports.map(\.egressBitrate).reduce(0, +)
        return Prose.count(nodes.count, "node") + ", "
            + Prose.count(Units.total(reports.map(\.viewers)), "viewer") + ", \(Units.bitrate(egress)) out"
    }
}
