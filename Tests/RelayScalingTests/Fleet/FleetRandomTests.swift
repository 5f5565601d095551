import Testing

@testable import RelayScaling

@Suite struct FleetRandomTests {
    /// Mean and variance of many draws.
    private func moments(_ count: Int, _ draw: (inout FleetRandom) -> Double) -> (mean: Double, variance: Double) {
        var random = FleetRandom(seed: 7)
        var sum = 0.0
        var squares = 0.0
        for _ in 0..<count {
            let value = draw(&random)
            sum += value
            squares += value * value
        }
        let mean = sum / Double(count)
        return (mean, squares / Double(count) - mean * mean)
    }

    @Test func theSameSeedGivesTheSameNumbers() {
        var first = FleetRandom(seed: 42)
        var second = FleetRandom(seed: 42)
        var other = FleetRandom(seed: 43)
        let numbers = (0..<100).map { _ in first.next() }
        #expect(numbers == (0..<100).map { _ in second.next() })
        #expect(numbers != (0..<100).map { _ in other.next() })
    }

    @Test(arguments: [0.01, 0.7, 5, 15.9, 16.1, 120, 3_000])
    func poissonCountsHaveTheMeanAndVarianceOfTheirLaw(mean: Double) {
        let count = 40_000
        let seen = moments(count) { Double($0.poisson(mean)) }
        // Six standard errors; the variance of the sample variance of a Poisson count is about (2 m² + m) / n.
        #expect(abs(seen.mean - mean) < 6 * (mean / Double(count)).squareRoot())
        #expect(abs(seen.variance - mean) < 6 * ((2 * mean * mean + mean) / Double(count)).squareRoot())
    }

    @Test(arguments: [(1, 0.5), (40, 0.001), (400, 0.15), (4_000, 0.154), (3_000, 0.9), (7, 0.97)])
    func binomialCountsHaveTheMeanAndVarianceOfTheirLaw(trials: Int, probability: Double) {
        let count = 40_000
        let mean = Double(trials) * probability
        let variance = mean * (1 - probability)
        let seen = moments(count) { Double($0.binomial(trials, probability)) }
        #expect(abs(seen.mean - mean) < 6 * (variance / Double(count)).squareRoot())
        #expect(abs(seen.variance - variance) < 6 * ((2 * variance * variance + variance) / Double(count)).squareRoot())
    }

    @Test func noCountIsEverOutsideItsRange() {
        var random = FleetRandom(seed: 3)
        for trials in [0, 1, 5, 600] {
            for probability in [-1, 0, 1e-12, 0.3, 0.9999, 1, 2] {
                for _ in 0..<200 {
                    let drawn = random.binomial(trials, probability)
                    #expect((0...trials).contains(drawn))
                }
            }
        }
        #expect(random.poisson(0) == 0)
        #expect(random.poisson(-1) == 0)
        #expect(random.below(0) == 0)
        #expect((0..<1_000).allSatisfy { _ in (0..<3).contains(random.below(3)) })
    }

    @Test func normalAndExponentialHaveTheirMoments() {
        let normal = moments(100_000) { $0.normal() }
        #expect(abs(normal.mean) < 0.02)
        #expect(abs(normal.variance - 1) < 0.03)
        let exponential = moments(100_000) { $0.exponential(mean: 30) }
        #expect(abs(exponential.mean - 30) < 0.6)
        #expect(abs(exponential.variance - 900) < 60)
    }
}
