import Foundation
import RelayCluster
import RelayCore
import Testing

@Suite("Records of other releases")
struct NodeRecordTests {
    /// As the first release wrote them.
    private static let oldRecord = """
        {"id":"edge-1","link":{"host":"10.0.0.7","port":1985},"region":"","release":"0.1.0","role":"edge",
        "state":"serving","token":"abc","version":1,"zone":"a"}
        """
    private static let oldReport = """
        {"busiestLoop":0.5,"children":0,"connections":3,"cpu":0.25,"dropsTotal":0,"egressBitrate":1,"egressCapacity":0,
        "ingestBitrate":2,"joinFailuresTotal":0,"joinsTotal":9,"leavesTotal":2,"maxConnections":100,"publishers":0,
        "pulls":1,"rejectsTotal":0,"sequence":4,"state":"serving","streams":1,"uptimeSeconds":8,"viewers":7}
        """
    private static let oldWish = #"{"drainMilliseconds":5,"id":"w"}"#

    @Test("what an older release wrote is read, and what it does not say is not known")
    func older() throws {
        let decoder = JSONDecoder()
        let record = try decoder.decode(NodeRecord.self, from: Data(Self.oldRecord.utf8))
        #expect(record.id.text == "edge-1" && record.machine == nil && record.isSpot == nil && record.drain == nil)
        let report = try decoder.decode(NodeReport.self, from: Data(Self.oldReport.utf8))
        #expect(report.viewers == 7 && report.throttled == nil && report.firstFrameP95 == nil)
        let wish = try decoder.decode(NodeWish.self, from: Data(Self.oldWish.utf8))
        #expect(wish == NodeWish(drainMilliseconds: 5, id: "w"))
        #expect(!wish.isAutoscalers)
    }

    @Test("an older release can read what is written now: all that it needs is there under the old names")
    func newer() throws {
        let encoder = JSONEncoder()
        var record = try JSONDecoder().decode(NodeRecord.self, from: Data(Self.oldRecord.utf8))
        record.machine = "ip-10-0-0-7"
        record.isSpot = true
        record.drain = DrainOrigin(wish: "w", author: NodeWish.autoscaler, epoch: 7)
        var report = NodeReport()
        report.throttled = 0.5
        report.firstFrameP95 = 12
        let wish = NodeWish(drainMilliseconds: 5, id: "w", author: NodeWish.autoscaler, epoch: 7)
        for (old, new) in [
            (Self.oldRecord, try encoder.encode(record)), (Self.oldReport, try encoder.encode(report)),
            (Self.oldWish, try encoder.encode(wish)),
        ] {
            let before = try #require(try JSONSerialization.jsonObject(with: Data(old.utf8)) as? [String: Any])
            let after = try #require(try JSONSerialization.jsonObject(with: new) as? [String: Any])
            #expect(Set(before.keys).isSubset(of: after.keys))
        }
        #expect(try JSONDecoder().decode(NodeRecord.self, from: try encoder.encode(record)) == record)
        #expect(try JSONDecoder().decode(NodeWish.self, from: try encoder.encode(wish)) == wish)
    }
}
