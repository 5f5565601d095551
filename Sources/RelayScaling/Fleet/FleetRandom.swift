import RealModule

/// Seeded random numbers of the fleet model: the same seed gives the same run on every machine.
///
/// xoshiro256++ (Blackman and Vigna 2019), seeded through SplitMix64. Poisson and binomial counts are exact up to the rounding of
/// doubles: inversion for means up to ``pieceMean``, and sums of such pieces above (both laws are closed under sums), so the
/// time is proportional to the count drawn, which the model has to spend on each viewer anyway.
package struct FleetRandom: Sendable {
    /// Largest mean of one inversion: exp(-16) is far from where doubles lose digits.
    static let pieceMean = 16.0

    private var a: UInt64
    private var b: UInt64
    private var c: UInt64
    private var d: UInt64

    package init(seed: UInt64) {
        var state = seed
        a = Self.splitMix(&state)
        b = Self.splitMix(&state)
        c = Self.splitMix(&state)
        d = Self.splitMix(&state)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): one step.
    static func splitMix(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return mix(state)
    }

    /// Its output function: spreads a counter over 64 bits; the model's hash too.
    @inline(__always)
    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    @inline(__always)
    package mutating func next() -> UInt64 {
        let sum = a &+ d
        let answer = ((sum << 23) | (sum >> 41)) &+ a
        let shifted = b << 17
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = (d << 45) | (d >> 19)
        return answer
    }

    /// 0 ≤ u < 1, 53 bits.
    @inline(__always)
    package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// 0 ..< count; 0 when count is not positive. The bias is below count / 2^64.
    @inline(__always)
    package mutating func below(_ count: Int) -> Int {
        count > 1 ? Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(truncatingIfNeeded: count)).high) : 0
    }

    package mutating func between(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }

    /// Standard normal (Box and Muller 1958, one of the two).
    package mutating func normal() -> Double {
        Double.sqrt(-2 * Double.log(1 - unit())) * Double.cos(2 * .pi * unit())
    }

    package mutating func exponential(mean: Double) -> Double { -mean * Double.log(1 - unit()) }

    package mutating func poisson(_ mean: Double) -> Int {
        guard mean > 0 else { return 0 }
        var rest = mean
        var count = 0
        if rest > Self.pieceMean {
            let zero = Double.exp(-Self.pieceMean)
            while rest > Self.pieceMean {
                count &+= Self.poisson(unit(), mean: Self.pieceMean, zero: zero)
                rest -= Self.pieceMean
            }
        }
        return count &+ Self.poisson(unit(), mean: rest, zero: Double.exp(-rest))
    }

    /// Inversion: the count whose distribution function first exceeds `u`; `zero` = exp(-mean).
    @inline(__always)
    static func poisson(_ u: Double, mean: Double, zero: Double) -> Int {
        var left = u
        var term = zero
        var count = 0
        // The bound is past any probability that a double holds; only rounding could get there.
        while left >= term, count < 400 {
            left -= term
            count &+= 1
            term *= mean / Double(count)
        }
        return count
    }

    package mutating func binomial(_ trials: Int, _ probability: Double) -> Int {
        guard trials > 0, probability > 0 else { return 0 }
        guard probability < 1 else { return trials }
        if probability > 0.5 { return trials - binomial(trials, 1 - probability) }
        let odds = probability / (1 - probability)
        let piece = max(1, (Self.pieceMean / probability).wholeNumber)
        var rest = trials
        var count = 0
        if rest > piece {
            let zero = Self.noneOf(piece, probability)
            while rest > piece {
                count &+= Self.binomial(unit(), piece, odds: odds, zero: zero)
                rest &-= piece
            }
        }
        return count &+ Self.binomial(unit(), rest, odds: odds, zero: Self.noneOf(rest, probability))
    }

    /// (1 - p)^n
    static func noneOf(_ trials: Int, _ probability: Double) -> Double {
        Double.exp(Double(trials) * Double.log(onePlus: -probability))
    }

    /// Inversion; `odds` = p / (1 - p), `zero` = (1 - p)^n.
    @inline(__always)
    static func binomial(_ u: Double, _ trials: Int, odds: Double, zero: Double) -> Int {
        var left = u
        var term = zero
        var count = 0
        while left >= term, count < trials {
            left -= term
            term *= odds * Double(trials &- count) / Double(count &+ 1)
            count &+= 1
        }
        return count
    }
}

extension Double {
    /// Rounded down and held within what an Int can carry; 0 for NaN.
    @inline(__always)
    var wholeNumber: Int {
        guard self > -0x1p62 else { return self.isNaN ? 0 : -(1 << 62) }
        return self < 0x1p62 ? Int(self) : 1 << 62
    }
}
