import NIOCore
import RelayCore

/// Rates of one stream over the last seconds, and the distance of its keyframes. Confined to the hub's loop.
struct StreamMeter {
    /// How much the newest second enters the smoothed rates.
    static let weight = 0.3

    private var bytes: UInt64 = 0
    private var videoFrames: UInt64 = 0
    private var anyFrames: UInt64 = 0
    private var lastTick: MonotonicTime?
    private var lastKey: Int64?

    /// Bytes of frames since the stream began.
    private(set) var totalBytes: UInt64 = 0
    /// bit/s, smoothed over some seconds.
    private(set) var bitrate = 0.0
    /// Video frames per second (audio frames for a stream without video), smoothed over some seconds.
    private(set) var framesPerSecond = 0.0
    /// Mean distance of keyframes in ms, smoothed; nil before two of them.
    private(set) var keyInterval: Double?

    mutating func note(_ frame: Frame) {
        let size = UInt64(truncatingIfNeeded: frame.body.readableBytes)
        bytes &+= size
        totalBytes &+= size
        if frame.flags.contains(.config) || frame.kind == .data { return }
        anyFrames &+= 1
        guard frame.kind == .video, frame.trackID == 0 else { return }
        videoFrames &+= 1
        guard frame.flags.contains(.key) else { return }
        if let lastKey {
            let distance = Double(frame.dts &- lastKey)
            keyInterval = keyInterval.map { $0 + (distance - $0) * Self.weight } ?? distance
        }
        lastKey = frame.dts
    }

    mutating func tick(now: MonotonicTime) {
        defer {
            lastTick = now
            bytes = 0
            videoFrames = 0
            anyFrames = 0
        }
        guard let lastTick, now > lastTick else { return }
        let seconds = (now - lastTick).seconds
        let isFirst = bitrate == 0
        let weight = isFirst ? 1 : Self.weight
        bitrate += (Double(bytes) * 8 / seconds - bitrate) * weight
        framesPerSecond += (Double(videoFrames > 0 ? videoFrames : anyFrames) / seconds - framesPerSecond) * weight
        if bitrate < 1 { bitrate = 0 }
        if framesPerSecond < 0.01 { framesPerSecond = 0 }
    }
}

/// What the sequence headers say about a stream.
struct StreamFacts: Sendable {
    private(set) var video: Codec?
    private(set) var audio: Codec?
    private(set) var width: Int?
    private(set) var height: Int?
    /// Whether video or audio comes in Enhanced RTMP packets, which some players do not understand.
    private(set) var usesEnhancedVideo = false
    private(set) var usesEnhancedAudio = false

    /// Whether the codec of a kind is known; data has none.
    func knows(_ kind: MediaKind) -> Bool {
        switch kind {
        case .audio: audio != nil
        case .video: video != nil
        case .data: true
        }
    }

    /// Takes in a sequence header, or the first frame of a codec that has none.
    mutating func note(_ frame: Frame) {
        guard frame.trackID == 0, frame.kind != .data,
            let header = try? MediaHeader.parse(kind: frame.kind, body: frame.body)
        else { return }
        let configuration = try? CodecConfiguration.parse(header: header, body: frame.body)
        if frame.kind == .video {
            video = configuration?.codec ?? header.codec
            width = configuration?.width
            height = configuration?.height
            usesEnhancedVideo = header.isExtended
        } else {
            audio = configuration?.codec ?? header.codec
            usesEnhancedAudio = header.isExtended
        }
    }
}
