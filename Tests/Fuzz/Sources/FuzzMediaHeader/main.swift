import NIOCore
import RelayCore

/// Input: one byte whose lowest bit is 0 for audio and 1 for video (8 and 9 in the seeds), then a message body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    var body = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    guard let first = body.readInteger(as: UInt8.self) else { return 0 }
    let kind = first & 1 == 1 ? MediaKind.video : .audio
    guard let header = try? MediaHeader.parse(kind: kind, body: body) else { return 0 }
    check(header.payloadOffset <= body.readableBytes, "payload behind the body")
    check(header.tracks.count <= MediaHeader.maximumTracks, "too many tracks")
    for track in header.tracks {
        check(track.offset >= 0 && track.length >= 0, "negative track")
        check(track.offset + track.length <= body.readableBytes, "track behind the body")
        check(track.payloadOffset >= track.offset, "payload before its track")
        check(track.payloadOffset <= track.offset + track.length, "payload behind its track")
    }
    for lengthSize in [1, 2, 3, 4] {
        _ = header.containsIDR(in: body, layout: PictureLayout(lengthSize: lengthSize))
        _ = header.isDisposable(in: body, layout: PictureLayout(lengthSize: lengthSize, highestTemporalLayer: 0))
        _ = AnnexB.isLikely(header: header, body: body, lengthSize: lengthSize)
    }
    _ = header.codec.name
    if let legacy = LegacyForm.rewrite(header, body) {
        let again = try? MediaHeader.parse(kind: kind, body: legacy)
        check(again?.isExtended == false && again?.codec == header.codec, "the legacy form is another")
        check(again?.compositionTime == header.compositionTime, "the legacy form has another time")
        check(again?.isKeyframe == header.isKeyframe, "the legacy form is another picture")
    }
    if let single = LegacyForm.singleTrack(header, body) {
        let again = try? MediaHeader.parse(kind: kind, body: single)
        check(again?.tracks.isEmpty == true && again?.codec == header.codec, "the single track is another")
        check(again?.compositionTime == header.compositionTime, "the single track has another time")
    }
    let extended = LegacyForm.extendedHEVC(header, body)
    check((try? MediaHeader.parse(kind: kind, body: extended))?.codec == header.codec, "the extended form is another")
    _ = try? CodecConfiguration.parse(header: header, body: body)
    return 0
}

private func check(_ holds: Bool, _ what: String) {
    if !holds { fatalError(what) }
}
