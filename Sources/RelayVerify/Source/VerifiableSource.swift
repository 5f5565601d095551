package import NIOCore
package import RelayCore

/// Makes a live stream whose every frame can be checked where it arrives: H.264 and AAC in RTMP message bodies, each
/// frame with a ``VerifyMark``. `relayctl publish --verifiable`, tests and the simulation publish it; ``StreamChecker`` checks.
///
/// A value without a clock: ``beginSession(_:now:wallMs:)`` for each connection, then ``next(now:wallMs:)`` whenever
/// ``nextDue`` has come. Frame numbers go on over sessions. An ordinary source counts what it made, so a number missing at a
/// viewer was lost behind the source; an aligned source counts the time, so the time without a publisher is missing too.
package struct VerifiableSource: Sendable {
    /// What kind of stream is made.
    package struct Configuration: Sendable, Hashable {
        /// `app/name`; viewers who know it recognise frames of other streams.
        package var streamName: String
        /// Tells runs apart; random, or 0 for an aligned source, whose publishers are all one source.
        package var run: UInt32
        /// 1...240.
        package var framesPerSecond: UInt32 = 30
        /// Video frames from keyframe to keyframe, 1...65535.
        package var keyInterval: UInt32 = 60
        /// Of audio and video together, bit/s, up to 50 000 000; a stream can be larger where its marks
        /// alone need more.
        package var bitrate: UInt32 = 1_000_000
        package var hasAudio = true
        /// Share of video frames that no other refers to, 0...0.5.
        package var disposableShare = 0.0
        /// Numbers follow the wall clock: all publishers of the stream send the same numbers at the same time, with
        /// keyframes at the same numbers, whenever they began.
        package var isAligned = false
        /// Size of the picture in macroblocks of 16 pixels, each 1...45; another size is another sequence header.
        package var macroblocks: (width: UInt32, height: UInt32) {
            get { (macroblockWidth, macroblockHeight) }
            set { (macroblockWidth, macroblockHeight) = newValue }
        }
        private var macroblockWidth: UInt32 = 20
        private var macroblockHeight: UInt32 = 11

        package init(streamName: String, run: UInt32) {
            self.streamName = streamName
            self.run = run
        }

        /// The configuration with every number inside its bounds.
        var bounded: Self {
            var result = self
            result.framesPerSecond = min(max(framesPerSecond, 1), 240)
            result.keyInterval = min(max(keyInterval, 1), 65_535)
            result.bitrate = min(bitrate, 50_000_000)
            result.disposableShare = disposableShare > 0 ? min(disposableShare, 0.5) : 0
            result.macroblocks = (min(max(macroblockWidth, 1), 45), min(max(macroblockHeight, 1), 45))
            return result
        }
    }

    /// One RTMP message to send, or FLV tag to write.
    package struct Message: Sendable, Hashable {
        package var kind: MediaKind
        /// ms modulo 2^32.
        package var timestamp: UInt32
        package var body: ByteBuffer
        /// What the frame says about itself; nil for metadata and sequence headers.
        package var mark: VerifyMark?
    }

    /// What the source makes, with its numbers inside their bounds.
    package let configuration: Configuration
    /// The session of the frames made now.
    package private(set) var session: UInt32 = 0
    /// When the next frame is to be sent; the caller makes it then and not before.
    package private(set) var nextDue = MonotonicTime.zero

    private let picture: GreyPicture
    private let pictureConfiguration: ByteBuffer
    private let checksums: (video: UInt32, audio: UInt32)
    private let budget: (key: Int, inter: Int, audio: Int)
    private var video = Counter()
    private var audio = Counter()
    private var hasKeyframe = false
    private var lastKeyframe: UInt64 = 0
    private var lastReference: UInt64 = 0
    private var pictureID: UInt32 = 0
    /// When media time 0 would have been.
    private var origin = MonotonicTime.zero

    /// The next frame of a track.
    private struct Counter {
        var number: UInt64 = 0
        /// µs.
        var mediaTime: UInt64 = 0
    }

    package init(configuration: Configuration) {
        let configuration = configuration.bounded
        self.configuration = configuration
        picture = GreyPicture(
            width: configuration.macroblocks.width, height: configuration.macroblocks.height,
            framesPerSecond: configuration.framesPerSecond)
        pictureConfiguration = ByteBuffer(bytes: picture.configuration)
        checksums = (
            CRC32C.checksum(of: pictureConfiguration),
            CRC32C.checksum(of: ByteBuffer(bytes: SilentSound.configuration))
        )
        budget = Self.budget(configuration)
    }

    /// A publisher has connected: returns what comes before media, and starts over with a keyframe.
    ///
    /// - Parameter session: a number that no other connection of this source has had.
    package mutating func beginSession(_ session: UInt32, now: MonotonicTime, wallMs: Int64) -> [Message] {
        self.session = session
        hasKeyframe = false
        if configuration.isAligned {
            let wall = UInt64(clamping: wallMs)
            // The next ones that are due: the others are sent already by whoever published before.
            video.number = (wall &* UInt64(configuration.framesPerSecond) &+ 999) / 1000
            audio.number = (wall &* 3 &+ 63) / 64
            origin = now - .milliseconds(wallMs)
        }
        video.mediaTime = videoTime(video.number)
        audio.mediaTime = audioTime(audio.number)
        if !configuration.isAligned { origin = now - .microseconds(Int64(clamping: video.mediaTime)) }
        schedule()
        let timestamp = UInt32(truncatingIfNeeded: video.mediaTime / 1000)
        var messages = [
            Message(kind: .data, timestamp: timestamp, body: metadata),
            Message(
                kind: .video, timestamp: timestamp, body: ByteBuffer(bytes: [0x17, 0, 0, 0, 0] + picture.configuration)),
        ]
        if configuration.hasAudio {
            messages.append(
                Message(
                    kind: .audio, timestamp: timestamp, body: ByteBuffer(bytes: [0xAF, 0] + SilentSound.configuration)))
        }
        return messages
    }

    /// Where the filling of the next frame starts.
    var seed: UInt64 { video.number &* 131 &+ audio.number &* 17 }

    /// Whether the next message of ``next(now:wallMs:)`` is a keyframe: where a publisher that has to go may end.
    package var isKeyframeNext: Bool { isVideoNext && needsKeyframe }

    /// Makes the next frame, audio or video, whichever is earlier.
    package mutating func next(now: MonotonicTime, wallMs: Int64) -> Message {
        defer { schedule() }
        return isVideoNext ? nextVideo(now, wallMs) : nextAudio(now, wallMs)
    }

    private var isVideoNext: Bool { !configuration.hasAudio || video.mediaTime <= audio.mediaTime }

    private var needsKeyframe: Bool {
        guard hasKeyframe else { return true }
        let interval = UInt64(configuration.keyInterval)
        return configuration.isAligned ? video.number % interval == 0 : video.number &- lastKeyframe >= interval
    }

    private mutating func schedule() {
        let time = isVideoNext ? video.mediaTime : audio.mediaTime
        nextDue = origin + .microseconds(Int64(clamping: time))
    }

    private func mark(_ counter: Counter, configuration checksum: UInt32, now: MonotonicTime, wallMs: Int64)
        -> VerifyMark
    {
        VerifyMark(
            source: VerifySourceID(streamName: configuration.streamName, run: configuration.run), session: session,
            number: counter.number, mediaTime: counter.mediaTime, sentAt: now, wallMs: wallMs, configuration: checksum)
    }

    private mutating func nextVideo(_ now: MonotonicTime, _ wallMs: Int64) -> Message {
        var mark = mark(video, configuration: checksums.video, now: now, wallMs: wallMs)
        mark.isKeyframe = needsKeyframe
        if mark.isKeyframe {
            hasKeyframe = true
            lastKeyframe = video.number
            pictureID &+= 1
        } else {
            mark.references = [lastReference]
        }
        let position = video.number &- lastKeyframe
        mark.isDisposable = !mark.isKeyframe && disposables(upTo: position) > disposables(upTo: position &- 1)
        let unit = picture.slice(
            keyframe: mark.isKeyframe ? pictureID : nil, isDisposable: mark.isDisposable,
            frameNumber: mark.isKeyframe ? 0 : position &- disposables(upTo: position &- 1))
        if !mark.isDisposable { lastReference = video.number }

        let overhead = 5 + 4 + 4 + 4 + unit.count + mark.size(padding: 0)
        let room = (mark.isKeyframe ? budget.key : budget.inter) - overhead
        let padding = filling(room - room / 255)
        let size = mark.size(padding: padding.readableBytes)
        var body = ByteBuffer()
        body.reserveCapacity(overhead + max(0, room) + 16)
        body.writeInteger(mark.isKeyframe ? 0x17 : mark.isDisposable ? 0x37 : 0x27 as UInt8)
        body.writeInteger(0x0100_0000 as UInt32)
        body.writeInteger(UInt32(truncatingIfNeeded: 2 + size / 255 + 1 + size + 1))
        body.writeInteger(0x0605 as UInt16)
        body.writeRepeatingByte(0xFF, count: size / 255)
        body.writeInteger(UInt8(truncatingIfNeeded: size % 255))
        mark.write(padding: padding, into: &body)
        body.writeInteger(0x80 as UInt8)
        body.writeInteger(UInt32(truncatingIfNeeded: unit.count))
        body.writeBytes(unit)
        let timestamp = UInt32(truncatingIfNeeded: video.mediaTime / 1000)
        video.number &+= 1
        video.mediaTime = videoTime(video.number)
        return Message(kind: .video, timestamp: timestamp, body: body, mark: mark)
    }

    private mutating func nextAudio(_ now: MonotonicTime, _ wallMs: Int64) -> Message {
        let mark = mark(audio, configuration: checksums.audio, now: now, wallMs: wallMs)
        let overhead = 2 + 3 + SilentSound.silence.count + mark.size(padding: 0)
        let padding = filling(min(budget.audio - overhead, SilentSound.maximumData - mark.size(padding: 0)))
        var body = ByteBuffer(
            bytes: [0xAF, 1] + SilentSound.dataElement(of: mark.size(padding: padding.readableBytes)))
        mark.write(padding: padding, into: &body)
        body.writeBytes(SilentSound.silence)
        let timestamp = UInt32(truncatingIfNeeded: audio.mediaTime / 1000)
        audio.number &+= 1
        audio.mediaTime = audioTime(audio.number)
        return Message(kind: .audio, timestamp: timestamp, body: body, mark: mark)
    }

    /// Disposable frames at the positions 1...n of a GOP. With a share of at most a half no two follow each other, which
    /// this order of pictures would forbid (ISO/IEC 14496-10 8.2.1.3).
    private func disposables(upTo position: UInt64) -> UInt64 {
        position &* UInt64(configuration.disposableShare * 1000) / 1000  // bounded: 0...500
    }

    private func videoTime(_ number: UInt64) -> UInt64 { number &* 1_000_000 / UInt64(configuration.framesPerSecond) }

    /// ``SilentSound/samples`` at ``SilentSound/sampleRate``, µs; 64 ms have three frames.
    private func audioTime(_ number: UInt64) -> UInt64 {
        // 1024 * 1 000 000 / 48 000, in lowest terms: numbers of the wall clock are large.
        number &* 64_000 / 3
    }
}
