import NIOCore
import RelayCore
import Testing

/// Everything that reads codec bytes, run over the same input; the fuzz targets do the same.
func readEverything(kind: MediaKind, body: ByteBuffer) {
    guard let header = try? MediaHeader.parse(kind: kind, body: body) else { return }
    #expect(header.payloadOffset <= body.readableBytes)
    #expect(header.tracks.count <= MediaHeader.maximumTracks)
    for track in header.tracks {
        #expect(track.offset >= 0 && track.length >= 0 && track.offset + track.length <= body.readableBytes)
        #expect(track.payloadOffset >= track.offset && track.payloadOffset <= track.offset + track.length)
    }
    for lengthSize in [1, 2, 4] {
        _ = header.containsIDR(in: body, layout: PictureLayout(lengthSize: lengthSize))
        _ = header.isDisposable(in: body, layout: PictureLayout(lengthSize: lengthSize, highestTemporalLayer: 0))
        _ = AnnexB.isLikely(header: header, body: body, lengthSize: lengthSize)
    }
    if let legacy = LegacyForm.rewrite(header, body) {
        let again = try? MediaHeader.parse(kind: kind, body: legacy)
        #expect(again?.isExtended == false)
        #expect(again?.codec == header.codec)
        #expect(again?.compositionTime == header.compositionTime)
    }
    if let single = LegacyForm.singleTrack(header, body) {
        let again = try? MediaHeader.parse(kind: kind, body: single)
        #expect(again?.tracks.isEmpty == true)
        #expect(again?.codec == header.codec)
    }
    let extended = LegacyForm.extendedHEVC(header, body)
    #expect((try? MediaHeader.parse(kind: kind, body: extended))?.codec == header.codec)
    if let configuration = try? CodecConfiguration.parse(header: header, body: body) { expectPlausible(configuration) }
}

/// What a configuration tells must be something that a stream can have.
func expectPlausible(_ configuration: CodecConfiguration) {
    if let width = configuration.width { #expect(1...16_384 ~= width) }
    if let height = configuration.height { #expect(1...16_384 ~= height) }
    if let rate = configuration.frameRate { #expect(1...1_000 ~= rate) }
    if let rate = configuration.sampleRate { #expect(rate > 0) }
    if let channels = configuration.channels { #expect(channels > 0) }
    if let size = configuration.nalLengthSize { #expect([1, 2, 4].contains(size)) }
}

@Suite struct CodecPropertyTests {
    /// Starts of bodies that lead deep into the readers.
    private static let starts: [(MediaKind, String)] = [
        (.video, ""), (.audio, ""), (.video, "17 00 000000 01"), (.video, "17 00 000000 01640028ffe1001b67"),
        (.video, "27 01"),
        (.video, "1c 00 000000 01"),
        (.video, "1c 00 000000 0101600000009000000000003ff000fcfdf8f800000f01a10001003042010101"),
        (.video, "90 61763031 81"), (.video, "90 76703039"), (.video, "96"), (.video, "97"), (.video, "a6 2"),
        (.audio, "95"),
        (.audio, "af 00"), (.audio, "90 4f707573"), (.audio, "90 664c6143"), (.audio, "97"),
    ]

    @Test(arguments: starts.indices)
    func `random bytes neither trap nor break what is promised`(start: Int) throws {
        let (kind, prefix) = try #require(Self.starts.dropFirst(start).first)
        var generator = SeededGenerator(seed: UInt64(truncatingIfNeeded: start) &+ 1)
        for _ in 0..<2_000 {
            var body = CodecVectors.hex(prefix.count(where: { $0 != " " }) % 2 == 0 ? prefix : prefix + "1")
            for _ in 0..<Int.random(in: 0...64, using: &generator) {
                // Small numbers lead further than large ones.
                let byte = UInt8.random(in: 0...255, using: &generator)
                body.writeInteger(Bool.random(using: &generator) ? byte : byte & 7)
            }
            readEverything(kind: kind, body: body)
        }
    }

    @Test func `every vector with one byte changed neither traps nor breaks what is promised`() {
        var generator = SeededGenerator(seed: 42)
        let records: [(MediaKind, String)] = [
            (.video, "1700000000" + CodecVectors.avcHigh), (.video, "1700000000" + CodecVectors.avc444),
            (.video, "1700000000" + CodecVectors.hevcMain), (.video, "9068766331" + CodecVectors.hevcTwoLayers),
            (.video, "9061763031" + CodecVectors.av1), (.video, "9076703039" + CodecVectors.vp9),
            (.audio, "904f707573" + CodecVectors.opusHead), (.audio, "90664c6143" + CodecVectors.flac),
            (.audio, "af00121056e500"),
        ]
        for (kind, bytes) in records + (HeaderVector.legacy + HeaderVector.extended).map({ ($0.kind, $0.bytes) }) {
            let whole = CodecVectors.hex(bytes)
            for index in whole.readerIndex..<whole.writerIndex {
                for _ in 0..<8 {
                    var changed = whole
                    changed.setInteger(UInt8.random(in: 0...255, using: &generator), at: index)
                    readEverything(kind: kind, body: changed)
                }
            }
        }
    }
}
