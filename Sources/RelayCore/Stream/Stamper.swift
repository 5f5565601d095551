package import NIOCore

/// Makes frames of a publisher's messages: once, at the origin, in arrival order. Everyone downstream only applies
/// functions to what comes out, so all decisions about order, time and importance are made here.
///
/// The hub of a stream owns one for the stream's whole life and tells it when the publisher changes.
package struct Stamper: Sendable {
    /// Why a message became no frame.
    package enum Refusal: Error, Sendable, Hashable {
        /// No bytes; legal (some encoders mark silence so) and without meaning.
        case empty
        /// The message's header is broken.
        case broken(MediaHeaderError)
        /// A sequence header that does not parse.
        case brokenConfiguration
        /// Media of a codec that cannot be decoded before its sequence header, and there was none yet.
        case beforeConfiguration
        /// Video before the session's first keyframe.
        case beforeKeyframe
    }

    /// What was refused or found odd, for the API.
    package struct Counters: Sendable, Hashable {
        /// Messages dropped as broken.
        package var broken: UInt64 = 0
        /// Messages dropped because their sequence header or keyframe had not come.
        package var early: UInt64 = 0
        /// Messages without bytes.
        package var empty: UInt64 = 0

        package init() {}
    }

    /// Broken messages in a row after which the publisher is to be closed.
    package static let brokenInARow = 3

    private struct Track: Sendable {
        var kind: MediaKind
        var id: UInt8
        var isConfigured = false
        var hasKeyframe = false
        var layout = PictureLayout()
    }

    private var timeline: Timeline
    private var tracks: [Track] = []
    private var nextID: UInt64 = 0
    private var brokenRun = 0

    /// What was refused so far.
    package private(set) var counters = Counters()
    /// Frames stamped so far, which is also the next frame's id.
    package var framesStamped: UInt64 { nextID }
    /// The newest decoding time, ms.
    package var clock: Int64 { timeline.clock }
    /// Times the publisher's clock jumped.
    package var rebases: UInt64 { timeline.rebases }
    /// Whether so much in a row was broken that the publisher should be closed (`RelayCode.badMedia`).
    package var isHopeless: Bool { brokenRun >= Self.brokenInARow }

    /// A stamper for a new stream.
    package init(timeline: Timeline = Timeline()) { self.timeline = timeline }

    /// Another publisher, or the same one anew: its sequence headers and a keyframe have to come first; the timeline and
    /// the frame ids go on.
    package mutating func beginSession() {
        timeline.beginSession()
        tracks = []
        brokenRun = 0
    }

    /// Stamps an audio or video message.
    ///
    /// - Throws: ``Refusal`` when the message is to be dropped; it is counted already.
    package mutating func stamp(
        media kind: MediaKind, timestamp: UInt32, body: ByteBuffer, now: MonotonicTime
    ) throws(Refusal) -> Frame {
        let header: MediaHeader
        do {
            header = try MediaHeader.parse(kind: kind, body: body)
        } catch MediaHeaderError.empty {
            counters.empty &+= 1
            throw .empty
        } catch {
            throw refuseAsBroken(.broken(error))
        }
        let index = trackIndex(kind: kind, id: header.track)
        if header.isSequenceHeader {
            return try stampConfiguration(header, trackIndex: index, body: body, timestamp: timestamp)
        }
        guard header.isCoded else {
            // End marks, HDR metadata, commands: carried in order, beside the clock.
            return frame(kind: kind, track: header.track, dts: timeline.placeBesideMedia(), flags: [], body: body)
        }
        guard tracks[index].isConfigured || !header.codec.needsSequenceHeader else {
            counters.early &+= 1
            throw .beforeConfiguration
        }
        var flags: FrameFlags = []
        if kind == .video {
            if header.isKeyframe {
                flags = .key
                tracks[index].hasKeyframe = true
            } else if !tracks[index].hasKeyframe {
                counters.early &+= 1
                throw .beforeKeyframe
            } else if header.isDisposable(in: body, layout: tracks[index].layout) {
                flags = .disposable
            }
        }
        brokenRun = 0
        let dts = timeline.place(kind: kind, track: header.track, timestamp: timestamp, now: now)
        return frame(
            kind: kind, track: header.track, dts: dts, cts: header.compositionTime, flags: flags, body: body)
    }

    /// Stamps a data message (`onMetaData`, cue points): it takes the stream's present and moves nothing.
    ///
    /// - Parameter isMetadata: Whether it is `onMetaData`, which joining subscribers need.
    package mutating func stamp(data body: ByteBuffer, isMetadata: Bool) throws(Refusal) -> Frame {
        guard body.readableBytes > 0 else {
            counters.empty &+= 1
            throw .empty
        }
        return frame(
            kind: .data, track: 0, dts: timeline.placeBesideMedia(), flags: isMetadata ? .config : [], body: body)
    }

    private mutating func stampConfiguration(
        _ header: MediaHeader, trackIndex index: Int, body: ByteBuffer, timestamp: UInt32
    ) throws(Refusal) -> Frame {
        do {
            let configuration = try CodecConfiguration.parse(header: header, body: body)
            tracks[index].layout = configuration.layout
        } catch {
            // An audio configuration nobody here understands is still the player's to judge; a broken video one would only
            // make every player fail.
            if header.kind == .video { throw refuseAsBroken(.brokenConfiguration) }
        }
        brokenRun = 0
        tracks[index].isConfigured = true
        return frame(
            kind: header.kind, track: header.track, dts: timeline.placeBesideMedia(), flags: .config, body: body)
    }

    private mutating func refuseAsBroken(_ refusal: Refusal) -> Refusal {
        counters.broken &+= 1
        brokenRun &+= 1
        return refusal
    }

    private mutating func trackIndex(kind: MediaKind, id: UInt8) -> Int {
        if let index = tracks.firstIndex(where: { $0.kind == kind && $0.id == id }) { return index }
        tracks.append(Track(kind: kind, id: id))
        return tracks.count &- 1
    }

    private mutating func frame(
        kind: MediaKind, track: UInt8, dts: Int64, cts: Int32 = 0, flags: FrameFlags, body: ByteBuffer
    ) -> Frame {
        let frame = Frame(id: nextID, kind: kind, trackID: track, dts: dts, cts: cts, flags: flags, body: body)
        nextID &+= 1
        return frame
    }
}
