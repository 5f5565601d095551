/// What the payload of an audio or video message is.
package enum MediaPacket: Hashable, Sendable {
    /// Codec configuration.
    case sequenceStart
    /// Coded data; video has a composition time where the codec knows one.
    case coded
    /// Coded data whose composition time is 0 and not on the wire.
    case codedX
    /// The stream of this track ends; no payload.
    case sequenceEnd
    /// AMF-coded picture metadata such as HDR colour information.
    case metadata
    /// An AV1 configuration in MPEG-2 TS form.
    case mpeg2tsSequenceStart
    /// How the audio channels are laid out.
    case multichannelConfig
    /// A seek mark of the sender; no media.
    case command
    /// A packet type that this version does not know; carried opaquely.
    case unknown(UInt8)
}

/// The frame type of a video message; the raw value is the number on the wire.
package enum VideoFrameType: UInt8, Hashable, Sendable {
    /// Audio has no frame type. (0 is reserved for video; such a video frame says ``reserved``.)
    case none = 0xff
    case key = 1
    case inter = 2
    /// H.263 calls it a disposable inter frame.
    case disposable = 3
    case generatedKey = 4
    case command = 5
    /// 0, 6 and 7; a video frame of it is carried as it is.
    case reserved = 0xfe
}

/// One track of a multitrack message. Offsets count from the body's reader index, lengths are bytes.
package struct MediaTrack: Hashable, Sendable {
    /// The track's number; 0 is the default track.
    package var id: UInt8
    /// The track's codec.
    package var codec: Codec
    /// Presentation minus decoding time in ms.
    package var compositionTime: Int32
    /// Where the track's part begins (at its composition time, if it has one).
    package var offset: Int
    /// How long the track's part is.
    package var length: Int
    /// Where the codec's own bytes begin.
    package var payloadOffset: Int
}

/// Why the header of a message body could not be read.
package enum MediaHeaderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The body has no bytes. Legal, and without content.
    case empty
    /// A data message has no media header.
    case notMedia
    /// The body ends inside its header or inside a track.
    case truncated
    /// The chain of ModEx prefixes is longer than ``MediaHeader/maximumModExDepth``.
    case modExTooDeep
    /// There are more tracks than ``MediaHeader/maximumTracks``.
    case tooManyTracks
    /// A multitrack message inside a multitrack message, or a kind of multitrack that does not exist.
    case badMultitrack

    package var description: String {
        switch self {
        case .empty: "the message is empty"
        case .notMedia: "the message is not audio or video"
        case .truncated: "the message ends inside its media header"
        case .modExTooDeep: "the message has more than \(MediaHeader.maximumModExDepth) ModEx prefixes"
        case .tooManyTracks: "the message has more than \(MediaHeader.maximumTracks) tracks"
        case .badMultitrack: "the multitrack header is not valid"
        }
    }
}
