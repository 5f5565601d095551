import Foundation
import RelayScaling
import Testing

@Suite("Measured lead times")
struct LeadStatisticsTests {
    @Test("leads of pods that waited for a machine are kept apart from those of pods that found one")
    func leadByMachine() {
        var lead = LeadStatistics()
        for _ in 0..<16 { lead.add(15) }
        for _ in 0..<4 { lead.add(130, hasWaited: true) }
        #expect(lead.p90 == 130 && lead.p90Placed == 15 && lead.p90Waited == nil)
        lead.add(150, hasWaited: true)
        #expect(lead.p90Waited == 150)
        for _ in 0..<200 { lead.add(10) }
        #expect(lead.p90 == 10 && lead.p90Waited == 150 && lead.isSound)
    }

    @Test("what an earlier release stored of leads is read, and so is what this one stores")
    func storedLead() throws {
        let old = try JSONDecoder().decode(LeadStatistics.self, from: Data(#"{"samples":[20,30,40,50,60]}"#.utf8))
        #expect(old.isSound && old.p90 == 60 && old.p90Placed == nil)
        var lead = old
        lead.add(70, hasWaited: true)
        #expect(try JSONDecoder().decode(LeadStatistics.self, from: try JSONEncoder().encode(lead)) == lead)
        let wild = Data(#"{"samples":[],"waited":[1e999]}"#.utf8)
        #expect((try? JSONDecoder().decode(LeadStatistics.self, from: wild))?.isSound != true)
        let negative = try JSONDecoder().decode(
            LeadStatistics.self, from: Data(#"{"samples":[],"placed":[-1]}"#.utf8))
        #expect(!negative.isSound)
    }
}
