import NIOCore
import RelayCore
import RelayTestKit

/// What a tag says about itself; nil when it is none of ours.
func stamp(_ tag: FLVWire.Tag) -> SyntheticMedia.Stamp? { SyntheticMedia.read(tag.kind, ByteBuffer(bytes: tag.body)) }

/// A small generator with a seed (SplitMix64), so that what was random once is the same again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
