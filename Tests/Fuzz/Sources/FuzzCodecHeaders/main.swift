import NIOCore
import RelayCore

/// Input: one byte that picks the codec, then a configuration record.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    var record = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    guard let first = record.readInteger(as: UInt8.self) else { return 0 }
    let codecs: [Codec] = [.avc, .hevc, .av1, .vp9, .aac, .opus, .flac, .vp8]
    guard let codec = codecs.dropFirst(Int(first) % codecs.count).first,
        let configuration = try? CodecConfiguration.parse(codec: codec, record: record)
    else { return 0 }
    for side in [configuration.width, configuration.height] {
        if let side, !(1...16_384 ~= side) { fatalError("a size that no picture has") }
    }
    if let rate = configuration.frameRate, !(1...1_000 ~= rate) { fatalError("a rate that no video has") }
    if let rate = configuration.sampleRate, rate <= 0 { fatalError("a rate that no sound has") }
    if let channels = configuration.channels, channels <= 0 { fatalError("no channels") }
    if let size = configuration.nalLengthSize, ![1, 2, 4].contains(size) { fatalError("an impossible length size") }
    return 0
}
