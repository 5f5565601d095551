import Testing

@testable import RelayScaling

/// Traces come from anywhere: they are read or refused with the row, and nothing else happens.
@Suite struct DemandTraceTests {
    @Test func aFileOfMinutesIsReadAsItIs() throws {
        let trace = try DemandTrace.parse(csv: "t_s,demand\n0,10\n60,20.5\n120,3e1\n", name: "a")
        #expect(trace == DemandTrace(name: "a", step: 60, values: [10, 20.5, 30]))
    }

    @Test func fiveMinutesBecomeFiveEpochsOnTheLine() throws {
        let trace = try DemandTrace.parse(csv: "0,10\n300,20\n", name: "a")
        #expect(trace.values == [10, 12, 14, 16, 18, 20])
    }

    @Test func theStartIsTheFirstRowsTime() throws {
        let trace = try DemandTrace.parse(csv: "# made up\r\n\r\n1000, 1\r\n1030,2\r\n1060,3\r\n", name: "a")
        #expect(trace.values == [1, 3])
    }

    @Test func demandBetweenValuesLiesOnTheLineAndTheEndsAreHeld() {
        let trace = DemandTrace(name: "a", step: 60, values: [10, 20])
        #expect(trace.demand(at: 45) == 17.5)
        #expect(trace.demand(at: -5) == 10)
        #expect(trace.demand(at: 1e300) == 20)
        #expect(trace.demand(at: .nan) == 10)
    }

    @Test(arguments: [
        ("t,d\n0,1\nx,2\n", DemandTraceError.notTwoNumbers(line: 3)), ("0,1\n60\n", .notTwoNumbers(line: 2)),
        ("0,1\n60,2,3\n", .notTwoNumbers(line: 2)), ("t,d\nt,d\n", .notTwoNumbers(line: 2)),
        ("0,1\n60,-2\n", .impossibleValue(line: 2)),
        ("0,nan\n60,2\n", .impossibleValue(line: 1)), ("0,1\ninf,2\n", .impossibleValue(line: 2)),
        ("0,1\n60,1e300\n", .impossibleValue(line: 2)), ("0,1\n0,2\n", .notRising(line: 2)),
        ("60,1\n0,2\n", .notRising(line: 2)),
        ("0,1\n1e11,2\n", .tooLong), ("0,1\n", .tooShort), ("", .tooShort), ("0,1\n30,2\n", .tooShort),
        ("0,1\n60,\(String(repeating: "1", count: 300))\n", .rowTooLong(line: 2)),
    ])
    func aMistakeIsNamedWithItsLine(text: String, error: DemandTraceError) {
        #expect(throws: error) { try DemandTrace.parse(csv: text, name: "a") }
        #expect(!error.description.isEmpty)
    }
}
